"""Real nodes as sources of a store's events."""
