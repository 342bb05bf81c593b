"""Places for a hub, ranked."""
