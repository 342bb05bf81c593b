"""Hubs and how they connect."""
