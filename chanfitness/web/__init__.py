"""HTML page of a node's peers and outages, as a file or served."""
