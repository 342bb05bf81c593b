"""Hourly shapes: demand, sun, wind, temperature, data centers, and a user's own series.

Synthetic years are made from a region's ``profiles.toml`` (`gridhub.profiles.region`) and a seed; nothing
here knows a country or a network.
"""
