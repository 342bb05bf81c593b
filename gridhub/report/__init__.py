"""Results as tables, figures, maps and one offline page."""
