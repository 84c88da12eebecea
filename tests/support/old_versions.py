"""Databases as earlier versions wrote them."""

from __future__ import annotations

import sqlite3


def as_version_2(database: sqlite3.Connection, *, dropped: bool = False) -> None:
    """Undo the third step; ``dropped``: whether that store had dropped changes."""
    database.executescript(
        f"""
        DROP TABLE checkpoints;
        ALTER TABLE channels DROP COLUMN closed;
        ALTER TABLE channels DROP COLUMN closed_unseen;
        ALTER TABLE closed_channels DROP COLUMN closed_unseen;
        ALTER TABLE histories ADD COLUMN dropped INTEGER NOT NULL DEFAULT {int(dropped)};
        PRAGMA user_version = 2;
        """
    )
