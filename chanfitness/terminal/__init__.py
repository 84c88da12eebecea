"""Terminals and standard streams: signals, output and input that never block, formatting."""
