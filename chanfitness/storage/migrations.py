"""Database migrations, one for each version of the tables.

In the names of tables and columns a segment of the timeline is a *stretch*. These names are
the stored format and do not change.
"""

from __future__ import annotations

import sqlite3

APPLICATION = 0x63686669  # "chfi"
VERSION = 4

# Each migrates a database from the version before.
_MIGRATIONS = {
    1: """
        CREATE TABLE state (
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
            heartbeat INTEGER NOT NULL, position INTEGER NOT NULL
        );
        CREATE TABLE stretches (
            number INTEGER PRIMARY KEY, position INTEGER NOT NULL, utc INTEGER NOT NULL
        );
        CREATE TABLE peers (
            id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
            uptime INTEGER NOT NULL, online_since INTEGER,
            since_position INTEGER NOT NULL, since_stretch INTEGER NOT NULL,
            flap_count INTEGER NOT NULL, flap_position INTEGER, flap_stretch INTEGER
        );
        CREATE TABLE channels (
            id INTEGER PRIMARY KEY, channel_point TEXT NOT NULL UNIQUE, key BLOB NOT NULL,
            opened_position INTEGER NOT NULL, opened_stretch INTEGER NOT NULL,
            lived_from INTEGER NOT NULL, uptime_before INTEGER NOT NULL,
            left INTEGER, uptime_left INTEGER, gaps TEXT NOT NULL
        );
        CREATE TABLE closed_channels (
            id INTEGER PRIMARY KEY, channel_point TEXT NOT NULL, key BLOB NOT NULL,
            opened INTEGER NOT NULL, closed INTEGER NOT NULL,
            lifetime INTEGER NOT NULL, uptime INTEGER NOT NULL
        );
        CREATE TABLE histories (
            peer INTEGER PRIMARY KEY REFERENCES peers, first INTEGER NOT NULL,
            online INTEGER NOT NULL, dropped INTEGER NOT NULL
        );
        CREATE TABLE changes (
            peer INTEGER NOT NULL REFERENCES peers, number INTEGER NOT NULL,
            position INTEGER NOT NULL, stretch INTEGER NOT NULL,
            PRIMARY KEY (peer, number)
        ) WITHOUT ROWID;
    """,
    2: """
        CREATE TABLE channel_ids (channel_id TEXT PRIMARY KEY, channel_point TEXT NOT NULL)
        WITHOUT ROWID
    """,
    # A channel closed by absence gets the date of the snapshot in which it was missing.
    # Peers are kept with their channels, so peers without one are deleted.
    3: """
        CREATE TABLE checkpoints (
            peer INTEGER NOT NULL REFERENCES peers, number INTEGER NOT NULL,
            position INTEGER NOT NULL, stretch INTEGER NOT NULL,
            uptime INTEGER NOT NULL, outages INTEGER NOT NULL, longest INTEGER NOT NULL,
            PRIMARY KEY (peer, number)
        ) WITHOUT ROWID;
        CREATE TABLE kept_histories (
            peer INTEGER PRIMARY KEY REFERENCES peers, first INTEGER NOT NULL,
            online INTEGER NOT NULL
        );
        INSERT INTO kept_histories SELECT peer, first, online FROM histories;
        DROP TABLE histories;
        ALTER TABLE kept_histories RENAME TO histories;
        ALTER TABLE channels ADD COLUMN closed INTEGER;
        ALTER TABLE channels ADD COLUMN closed_unseen INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE closed_channels ADD COLUMN closed_unseen INTEGER NOT NULL DEFAULT 0;
        UPDATE channels SET closed_unseen = 1, closed = (
            SELECT utc + channels."left" - position FROM stretches
            WHERE position <= channels."left" ORDER BY number DESC LIMIT 1
        ) WHERE "left" IS NOT NULL;
        DELETE FROM peers WHERE key NOT IN (SELECT key FROM channels);
        DELETE FROM histories WHERE peer NOT IN (SELECT id FROM peers);
        DELETE FROM changes WHERE peer NOT IN (SELECT id FROM peers)
    """,
    # The activity of the existing channels is known from here on.
    4: """
        CREATE TABLE causes (
            stretch INTEGER NOT NULL, number INTEGER NOT NULL,
            since INTEGER NOT NULL, cause TEXT, peers INTEGER,
            PRIMARY KEY (stretch, number)
        ) WITHOUT ROWID;
        ALTER TABLE state ADD COLUMN stopped INTEGER;
        CREATE TABLE transport_outages (
            id INTEGER PRIMARY KEY, transport TEXT NOT NULL, peers INTEGER NOT NULL,
            first_position INTEGER NOT NULL, first_stretch INTEGER NOT NULL,
            end_position INTEGER, end_stretch INTEGER
        );
        ALTER TABLE peers ADD COLUMN alias TEXT;
        ALTER TABLE peers ADD COLUMN transport TEXT;
        ALTER TABLE channels ADD COLUMN active INTEGER;
        ALTER TABLE channels ADD COLUMN unusable INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE channels ADD COLUMN mark INTEGER;
        ALTER TABLE channels ADD COLUMN activity_from INTEGER;
        ALTER TABLE channels ADD COLUMN short_channel_id TEXT;
        ALTER TABLE channels ADD COLUMN former_ids TEXT NOT NULL DEFAULT '';
        ALTER TABLE channels ADD COLUMN capacity INTEGER;
        ALTER TABLE channels ADD COLUMN private INTEGER;
        UPDATE channels SET activity_from = (SELECT position FROM state);
        ALTER TABLE closed_channels ADD COLUMN unusable INTEGER;
        ALTER TABLE closed_channels ADD COLUMN short_channel_id TEXT;
        ALTER TABLE closed_channels ADD COLUMN alias TEXT;
        CREATE TABLE activities (
            channel INTEGER PRIMARY KEY REFERENCES channels, first INTEGER NOT NULL,
            online INTEGER NOT NULL
        );
        CREATE TABLE activity_changes (
            channel INTEGER NOT NULL REFERENCES channels, number INTEGER NOT NULL,
            position INTEGER NOT NULL, stretch INTEGER NOT NULL, uptime INTEGER NOT NULL,
            PRIMARY KEY (channel, number)
        ) WITHOUT ROWID;
        CREATE TABLE activity_checkpoints (
            channel INTEGER NOT NULL REFERENCES channels, number INTEGER NOT NULL,
            position INTEGER NOT NULL, stretch INTEGER NOT NULL,
            uptime INTEGER NOT NULL, outages INTEGER NOT NULL, longest INTEGER NOT NULL,
            PRIMARY KEY (channel, number)
        ) WITHOUT ROWID;
        CREATE TABLE alerts (
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1), state TEXT NOT NULL
        )
    """,
}


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Migrate a database from ``version`` to ``VERSION``. Call within a transaction."""
    for step in range(version + 1, VERSION + 1):
        for statement in _MIGRATIONS[step].split(";"):
            database.execute(statement)
    # Write even if nothing is new: an unwritable file must fail here.
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {VERSION}")
