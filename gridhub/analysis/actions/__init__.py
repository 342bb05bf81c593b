"""What is done between and after outages: redispatch, taps and shunts, remedial schemes."""
