"""What breaks after outages: screens, hours of them, pairs, ranking."""
