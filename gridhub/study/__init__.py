"""Studies as files."""
