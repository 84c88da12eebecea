"""Recordings: their format, writing one, and replaying one."""
