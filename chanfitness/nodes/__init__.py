"""Real nodes as sources: each needs an extra of its own, see the README."""
