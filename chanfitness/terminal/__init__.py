"""Terminals and standard streams: signals, non-blocking output, interruptible input, formatting."""
