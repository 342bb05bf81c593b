"""Power flow on a compiled case."""
