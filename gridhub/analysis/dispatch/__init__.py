"""Hours of generation at least cost within the grid's limits, and where it is congested."""
