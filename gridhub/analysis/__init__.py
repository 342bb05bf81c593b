"""The questions planners ask."""
