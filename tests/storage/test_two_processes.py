"""Two processes that open one database repeatedly, by two names: nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from chanfitness.storage.sqlite import read

from ..support.database_names import (
    Way,
    hard_link,
    lock_removed,
    mounted,
    symbolic_link,
    the_same,
)
from ..support.lengths import Record, length
from ..support.stores import WAIT
from ..support.values import outpoint

TURNS = length(5, 100)
"""The runs of each process, which retries until it is let in."""

PROCESS = """
import datetime, sys
from chanfitness import (
    ChannelEventStore, Config, OpenChannel, PeerOfflineEvent, PeerOnlineEvent, SqliteStorage,
    StorageInUseError,
)
from tests.support.stores import QueueSubscription
from tests.support.values import outpoint, vertex

name, number, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
refused = 0
while turns:
    source = QueueSubscription()
    channel = OpenChannel(outpoint(number), vertex(number))
    store = ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: source,
            subscribe_peer_events=lambda: source,
            get_open_channels=lambda: [channel],
            history=datetime.timedelta(days=9),
            storage=SqliteStorage(name, datetime.timedelta(milliseconds=1)),
        )
    )
    try:
        with store:
            for _ in range(100):
                source.updates.put(PeerOnlineEvent(channel.peer))
                source.updates.put(PeerOfflineEvent(channel.peer))
            store.list_channels()
            if not number:
                print("writing", flush=True)
                sys.stdin.readline()
    except StorageInUseError:
        refused += 1
    else:
        number += 1
        turns -= 1
print(refused)
"""


def process(name: str, first: int) -> subprocess.Popen[str]:
    """Run a process that starts stores of a channel each and prints how often it was refused."""
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, name, str(first), str(TURNS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("way", [the_same, symbolic_link, hard_link, mounted, lock_removed])
def test_two_processes_that_write_one_database_take_turns(
    way: Way, tmp_path: Path, record_property: Record
) -> None:
    path = tmp_path / "fitness.db"
    with process(str(path), 0) as first, ExitStack() as stack:
        assert first.stdout is not None
        assert first.stdout.readline() == "writing\n"
        with process(way(path, stack), TURNS) as second:
            refused = [first.communicate("go on\n", timeout=60 * WAIT)[0]]
            refused += [second.communicate(timeout=60 * WAIT)[0]]
        assert (first.returncode, second.returncode) == (0, 0)
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        saved, closed = read(path)
    assert saved is not None
    known = {row.channel_point for row in saved.channels} | {row.channel_point for row in closed}
    assert known == {str(outpoint(number)) for number in range(2 * TURNS)}
    record_property("refused", " and ".join(each.strip() for each in refused))
