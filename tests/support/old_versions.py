"""Databases as earlier versions wrote them."""

from __future__ import annotations

import sqlite3


def as_version_2(database: sqlite3.Connection, *, dropped: bool = False) -> None:
    """Undo the third step; ``dropped``: whether that store had dropped changes."""
    database.executescript(
        f"""
        DROP TABLE checkpoints;
        ALTER TABLE histories ADD COLUMN dropped INTEGER NOT NULL DEFAULT {int(dropped)};
        PRAGMA user_version = 2;
        """
    )
