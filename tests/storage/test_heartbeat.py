"""A heartbeat: where nothing happens little is written, and seldom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from chanfitness import ChannelEventStore, OutPoint
from chanfitness.core.saved_state import date_to_int
from chanfitness.storage.reading import read
from chanfitness.testing import FakeNode

from ..support.persistent_stores import FlushedByHand, watching
from ..support.stores import WAIT

PAGE = 4096


class Session(NamedTuple):
    """A node with a channel that is known to a store, all of which is written."""

    node: FakeNode
    store: ChannelEventStore
    storage: FlushedByHand
    path: Path

    def pass_by(self, *, is_due: bool) -> bool:
        """Half a minute passes, and the writer looks; was a heartbeat written?"""
        self.node.advance(seconds=30)
        assert self.storage.write(self.storage.ask, is_due=is_due)
        saved, _ = read(self.path)
        assert saved is not None
        return saved.heartbeat == date_to_int(self.node.clock.now())


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    node, path = FakeNode(), tmp_path / "db"
    node.open_channel(node.new_peer(online=True))
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage) as store:
        store.get_overview(timeout=WAIT)
        session = Session(node, store, storage, path)
        assert session.pass_by(is_due=True)
        yield session


def test_where_nothing_happens_it_is_written_when_it_is_due(session: Session) -> None:
    written = [session.pass_by(is_due=is_due) for is_due in (False, False, True, False, True)]
    assert written == [False, False, True, False, True]


def test_what_happens_is_written_at_the_next_look(session: Session) -> None:
    peer = session.node.new_peer(online=False)
    for happens in (
        lambda: session.node.open_channel(peer),
        lambda: session.node.peer_online(peer),
        lambda: session.node.peer_offline(peer),
        lambda: setattr(session.storage, "channel_ids", {"1": OutPoint.parse("ab" * 32 + ":0")}),
        lambda: session.storage.keep_alerts("an alert"),
        lambda: session.storage.keep_alerts("an alert", on_kept=lambda: None),
    ):
        happens()
        assert session.pass_by(is_due=False)
        assert not session.pass_by(is_due=False)


def test_after_a_failure_it_is_written_at_the_next_look(session: Session) -> None:
    with closing(sqlite3.connect(session.path)) as another:
        another.execute("BEGIN IMMEDIATE")
        assert not session.pass_by(is_due=True)
        assert session.storage.failure is not None
    assert session.pass_by(is_due=False)
    assert session.storage.failure is None


def test_it_changes_one_page(session: Session) -> None:
    before = session.path.read_bytes()
    assert session.pass_by(is_due=True)
    after = session.path.read_bytes()
    changed = [
        start
        for start in range(0, len(after), PAGE)
        if after[start:][:PAGE] != before[start:][:PAGE]
    ]
    assert (len(before), len(changed)) == (len(after), 1)
