"""Sites, plants, storage and lines of hubs, chosen together."""
