"""Study of one hub: before, after, what breaks, what helps."""
