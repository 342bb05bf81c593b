"""What gridhub is timed beside, one module per peer; ``*_script.py`` run in environments of their own."""
