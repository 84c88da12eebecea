"""Databases of earlier versions."""

from __future__ import annotations

import sqlite3


def as_version_3(database: sqlite3.Connection) -> None:
    """Undo the fourth migration."""
    for table in (
        "alerts",
        "activities",
        "activity_changes",
        "activity_checkpoints",
        "causes",
        "transport_outages",
    ):
        database.execute(f"DROP TABLE {table}")
    for table, columns in (
        ("peers", "alias transport"),
        (
            "channels",
            "active unusable mark activity_from short_channel_id former_ids capacity private",
        ),
        ("closed_channels", "unusable short_channel_id alias"),
        ("state", "stopped"),
    ):
        for column in columns.split():
            database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    database.execute("PRAGMA user_version = 3")


def as_version_2(database: sqlite3.Connection, *, dropped: bool = False) -> None:
    """Undo the third migration too; ``dropped``: whether that store had dropped changes."""
    as_version_3(database)
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
