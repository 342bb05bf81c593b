"""From tables to arrays: the compiled case and its matrices."""
