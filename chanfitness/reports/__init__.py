"""Reports for people and programs: tables, JSON, CSV, event lines, the live table."""
