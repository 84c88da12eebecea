"""The accounts and the loop that owns them: no I/O, no clock."""
