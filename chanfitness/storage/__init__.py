"""Storage in an SQLite database: the only code that touches one."""
