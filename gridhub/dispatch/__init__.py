"""Economic dispatch."""
