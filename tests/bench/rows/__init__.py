"""Rows of the benchmark: each module has `list_rows`, which names its rows and what each of them does."""
