"""Voltage: curves to the nose, margins, fault levels, dips."""
