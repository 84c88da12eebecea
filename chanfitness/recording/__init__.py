"""Recordings of a node's events: format, recorder and replay."""
