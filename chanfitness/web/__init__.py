"""The page: a node's peers, their outages and its own, as one HTML file."""
