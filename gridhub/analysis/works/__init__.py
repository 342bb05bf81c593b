"""Reinforcements: candidates, selection, cost, worth."""
