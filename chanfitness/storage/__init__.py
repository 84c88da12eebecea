"""Storage in an SQLite database. No other code opens one."""
