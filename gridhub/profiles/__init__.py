"""Hourly shapes."""
