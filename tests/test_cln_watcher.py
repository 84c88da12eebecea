"""Between a lightningd and a store: starts, ends, and a lightningd that does not answer.

All time is that of a clock which the watcher's waiting moves.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelEventStore,
    ChannelHistory,
    ChannelNotFoundError,
    ManualClock,
    OutPoint,
    PeerInfo,
    RequestTimeoutError,
    SqliteStorage,
    Vertex,
)
from chanfitness.nodes.cln_rpc import LightningRpc
from chanfitness.nodes.cln_settling import LIMIT, PATIENCE, QUIET
from chanfitness.nodes.cln_watcher import Watcher
from chanfitness.storage import read

from .cln_words import change, channel_id, channels, entry, id_of, peers
from .lightningd import Inbox, RpcServer
from .stores import WAIT, Call
from .values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START, vertex

HOUR = timedelta(hours=1)
NORMAL, SPLICING, SEEN = "CHANNELD_NORMAL", "CHANNELD_AWAITING_SPLICE", "FUNDING_SPEND_SEEN"
ID_1, ID_2, ID_3 = (id_of(point) for point in (CHANNEL_1, CHANNEL_2, CHANNEL_3))


class Node:
    """A lightningd that does what a test says, and watchers of it, on one clock."""

    def __init__(self, directory: Path, rpc: RpcServer) -> None:
        self.clock = ManualClock(START)
        self.database = str(directory / "chanfitness.db")
        self.rpc = rpc
        self.online: dict[Vertex, None] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self.watcher: Watcher | None = None
        self._relist()

    @contextmanager
    def watched(self, *, startup: bool = False, **more: Any) -> Iterator[ChannelEventStore]:
        """Watch it for a while; what was told when this returns has reached the store."""
        self._inbox = Inbox(self.clock)
        self.watcher = Watcher(
            self.database,
            LightningRpc(self.rpc.path),
            startup=startup,
            clock=self.clock,
            inbox=self._inbox,
            **more,
        )
        self.watcher.start()
        try:
            store = self.watcher.ready(WAIT)
            self.catch_up()
            yield store
        finally:
            Call(self.watcher.stop).result()
            self.watcher = None

    def catch_up(self) -> None:
        assert self.watcher is not None
        assert self.watcher.reached().wait(timeout=WAIT)

    def sleep(self, time: timedelta) -> None:
        """Time passes while it is watched."""
        self._inbox.pass_until(self.clock.now() + time)
        self.catch_up()

    def connect(self, *peers: Vertex) -> None:
        for peer in peers:
            self.online[peer] = None
            self._relist()
            self.tell("connect", {"id": str(peer)})

    def disconnect(self, *peers: Vertex) -> None:
        for peer in peers:
            del self.online[peer]
            self._relist()
            self.tell("disconnect", {"id": str(peer)})

    def set_state(
        self, name: str, point: OutPoint, peer: Vertex, state: str = NORMAL, **more: Any
    ) -> None:
        self.entries[name] = entry(name, point, peer, state, **more)
        self._relist()
        self.tell("channel_state_changed", change(name, peer, state))

    def restart(self) -> None:
        """Its peers are gone, and nobody was told."""
        self.online.clear()
        self._relist()

    def tell(self, topic: str, params: dict[str, Any]) -> None:
        if self.watcher is not None:
            self.watcher.tell(topic, {topic: params})
            self.catch_up()

    def is_silent(self, silent: bool = True) -> None:
        """Its socket answers with nonsense."""
        self.rpc.answer = (lambda method, params: "?") if silent else self.rpc.listed

    def _relist(self) -> None:
        for words in self.entries.values():
            words["peer_connected"] = Vertex.parse(words["peer_id"]) in self.online
        offline = tuple(
            peer
            for words in self.entries.values()
            if (peer := Vertex.parse(words["peer_id"])) not in self.online
        )
        self.rpc.lists = {
            "listpeers": peers(*self.online, offline=offline),
            "listpeerchannels": channels(*self.entries.values()),
        }


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with RpcServer(tmp_path) as rpc:
        yield Node(tmp_path, rpc)


def peer_info(store: ChannelEventStore, peer: Vertex = ALICE) -> PeerInfo:
    return store.get_peer_info(peer, timeout=WAIT)


def history(store: ChannelEventStore, point: OutPoint = CHANNEL_1) -> ChannelHistory:
    return store.get_history(point, timeout=WAIT)


def figures(store: ChannelEventStore, point: OutPoint = CHANNEL_1) -> tuple[float, float]:
    """Lifetime and uptime, in hours."""
    info = store.get_chan_info(point, timeout=WAIT)
    return info.lifetime / HOUR, info.uptime / HOUR


def points(store: ChannelEventStore) -> list[OutPoint]:
    return [info.channel_point for info in store.list_channels(timeout=WAIT)]


def sees(store: ChannelEventStore) -> bool:
    return store.get_overview(timeout=WAIT).sees


# Starts.


def test_on_a_running_node_the_snapshot_is_taken_at_once(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.connect(ALICE, CAROL)
    with node.watched() as store:
        assert sees(store)
        assert points(store) == [CHANNEL_1, CHANNEL_2]
        assert {peer: peer_info(store, peer).online for peer in (ALICE, BOB, CAROL)} == {
            ALICE: True,
            BOB: False,
            CAROL: True,
        }
        assert peer_info(store).flap_count == 0


def test_a_channel_with_a_peer_that_was_there_already_is_up_from_its_first_moment(
    node: Node,
) -> None:
    node.connect(ALICE)
    with node.watched() as store:
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.sleep(HOUR)
        assert figures(store) == (1, 1)


def test_at_a_start_of_the_node_the_connects_give_nobody_an_outage_or_a_flap(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    with node.watched(startup=True) as store:
        assert not sees(store)
        node.sleep(timedelta(seconds=0.06))
        node.connect(ALICE)
        node.sleep(timedelta(seconds=0.05))
        node.connect(BOB)
        assert not sees(store)
        node.sleep(QUIET)
        assert sees(store)
        node.sleep(HOUR)
        for peer, point in ((ALICE, CHANNEL_1), (BOB, CHANNEL_2)):
            assert figures(store, point) == (1, 1)
            assert peer_info(store, peer).flap_count == 0
            assert history(store, point).outages == ()


def test_at_a_start_of_the_node_nobody_is_waited_for_if_nobody_has_a_channel(node: Node) -> None:
    with node.watched(startup=True) as store:
        assert sees(store)


def test_a_peer_that_does_not_come_back_is_offline(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    with node.watched(startup=True) as store:
        node.connect(ALICE)
        node.sleep(PATIENCE - SECOND)
        assert not sees(store)
        node.sleep(SECOND + HOUR)
        assert figures(store, CHANNEL_1) == (1, 1)
        assert figures(store, CHANNEL_2) == (1, 0)
        node.connect(BOB)
        assert peer_info(store, BOB).flap_count == 1


def test_a_peer_that_was_gone_before_is_not_waited_for(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.connect(ALICE)
    with node.watched():
        pass
    node.restart()
    with node.watched(startup=True) as store:
        node.connect(ALICE)
        node.sleep(QUIET)
        assert sees(store)


def test_while_the_own_line_is_down_nobody_is_judged(node: Node) -> None:
    for number, peer in enumerate((ALICE, BOB, CAROL)):
        node.set_state(channel_id(number), OutPoint("ab" * 32, number), peer)
    with node.watched(startup=True) as store:
        node.sleep(5 * HOUR)
        assert not sees(store)
        node.connect(BOB)
        node.sleep(PATIENCE)
        assert sees(store)
        assert figures(store, OutPoint("ab" * 32, 0)) == (0, 0)


def test_an_own_outage_is_nobodys_fault(node: Node) -> None:
    named = {channel_id(number): OutPoint("ab" * 32, number) for number in range(3)}
    for (name, point), peer in zip(named.items(), (ALICE, BOB, CAROL), strict=True):
        node.set_state(name, point, peer)
    node.connect(ALICE, BOB, CAROL)
    with node.watched() as store:
        node.clock.advance(HOUR)
        for peer in (CAROL, ALICE, BOB):
            node.disconnect(peer)
            node.clock.advance(timedelta(seconds=40))
        assert not sees(store)
        node.clock.advance(5 * HOUR)
        node.connect(ALICE)
        node.clock.advance(HOUR)
        assert [figures(store, point) for point in named.values()] == [(2, 2), (2, 1), (2, 1)]
        assert [peer_info(store, peer).flap_count for peer in (ALICE, BOB, CAROL)] == [0, 0, 0]


def test_peers_that_keep_coming_are_waited_for_but_not_without_end(node: Node) -> None:
    crowd = [vertex(number) for number in range(1, 101)]
    for number, peer in enumerate(crowd):
        node.set_state(channel_id(number), OutPoint("ab" * 32, number), peer)
    with node.watched(startup=True) as store:
        for peer in crowd[: LIMIT // SECOND]:
            node.sleep(SECOND)
            assert not sees(store)
            node.connect(peer)
        node.sleep(SECOND)
        assert sees(store)
        assert sum(info.online for info in store.list_peers(timeout=WAIT)) == LIMIT // SECOND


def test_what_happens_to_channels_while_the_connects_settle_is_in_the_snapshot(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched(startup=True) as store:
        node.set_state(ID_2, CHANNEL_2, BOB)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        node.tell("connect", {"id": None})
        node.connect(ALICE)
        node.connect(BOB)
        node.sleep(QUIET)
        assert points(store) == [CHANNEL_2]


def test_what_was_told_before_the_snapshot_is_not_told_twice(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    late = threading.Event()

    def after_start(_: ChannelEventStore) -> None:
        assert late.wait(WAIT)

    watcher = Watcher(
        node.database, LightningRpc(node.rpc.path), startup=False, after_start=after_start
    )
    watcher.start()
    for topic in ("disconnect", "connect", "disconnect", "connect"):
        watcher.tell(topic, {topic: {"id": str(ALICE)}})
    late.set()
    store = watcher.ready(WAIT)
    assert watcher.reached().wait(WAIT)
    info = peer_info(store)
    assert (info.online, info.flap_count) == (True, 0)
    watcher.tell("disconnect", {"disconnect": {"id": str(ALICE)}})
    assert watcher.reached().wait(WAIT)
    info = peer_info(store)
    assert (info.online, info.flap_count) == (False, 1)
    Call(watcher.stop).result()


def test_what_is_told_while_the_snapshot_is_taken_comes_after_it(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    listed = node.rpc.listed

    def answer(method: str, params: dict[str, Any]) -> object:
        if method == "listpeers":
            assert node.watcher is not None
            node.watcher.tell("disconnect", {"id": str(ALICE)})
        return listed(method, params)

    node.rpc.answer = answer
    with node.watched() as store:
        node.catch_up()
        info = peer_info(store)
        assert (info.online, info.flap_count) == (False, 1)


# A lightningd that does not answer.


def test_without_an_answer_it_stays_blind_until_lightningd_says_something(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    node.is_silent()
    with node.watched() as store:
        node.sleep(HOUR)
        node.tell("connect", {"id": str(BOB)})
        assert not sees(store)
        node.is_silent(False)
        node.tell("connect", {"id": str(BOB)})
        assert sees(store)
        node.sleep(HOUR)
        assert figures(store) == (1, 1)
    assert caplog.text.count("asking again") == 1


@pytest.mark.parametrize("startup", [False, True])
def test_without_an_answer_a_start_of_the_node_is_seen_later(node: Node, startup: bool) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.is_silent()
    with node.watched(startup=startup) as store:
        node.is_silent(False)
        node.connect(ALICE)
        assert sees(store) is not startup
        node.is_silent()
        node.connect(BOB)
        node.sleep(PATIENCE)
        node.is_silent(False)
        node.tell("connect", {"id": str(BOB)})
        assert sees(store)
        assert peer_info(store, ALICE).online
        assert peer_info(store, BOB).online


def test_an_open_that_could_not_be_asked_for_is_made_up_for(node: Node) -> None:
    with node.watched() as store:
        node.connect(ALICE)
        node.is_silent()
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.sleep(HOUR)
        node.is_silent(False)
        node.disconnect(ALICE)
        assert figures(store) == (1, 1)


def test_a_channel_that_opened_and_closed_while_nothing_was_answered_is_both(node: Node) -> None:
    with node.watched() as store:
        node.connect(ALICE)
        node.is_silent()
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.set_state(ID_2, CHANNEL_2, ALICE)
        node.sleep(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        node.is_silent(False)
        node.connect(BOB)
        assert points(store) == [CHANNEL_2]
    _, (closed,) = read(node.database)
    assert closed.channel_point == str(CHANNEL_1)
    assert closed.lifetime == closed.uptime == HOUR // timedelta(microseconds=1)


def test_known_channels_close_while_nothing_is_answered(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        node.is_silent()
        node.set_state(ID_2, CHANNEL_2, ALICE)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        assert points(store) == []


def hold_lists(node: Node, held: threading.Event, release: threading.Event) -> None:
    """From now on lightningd answers nonsense, the first time only after ``release``."""

    def hold(method: str, params: dict[str, Any]) -> str:
        held.set()
        assert release.wait(WAIT)
        return "?"

    node.rpc.answer = hold


def test_what_had_to_wait_counts_from_when_it_was_told(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    held, release = threading.Event(), threading.Event()
    with node.watched() as store:
        assert node.watcher is not None
        hold_lists(node, held, release)
        node.watcher.tell("channel_state_changed", change(ID_2, BOB, NORMAL))
        assert held.wait(WAIT)
        node.watcher.tell("disconnect", {"id": str(ALICE)})
        node.clock.advance(HOUR)
        release.set()
        node.catch_up()
        assert figures(store) == (1, 0)


@pytest.mark.parametrize("is_blind", [True, False])
def test_a_silent_lightningd_is_not_asked_at_each_of_many_notifications(
    node: Node, is_blind: bool
) -> None:
    held, release = threading.Event(), threading.Event()
    watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False)
    if is_blind:
        hold_lists(node, held, release)
    watcher.start()
    watcher.ready(WAIT)
    if not is_blind:
        assert watcher.reached().wait(WAIT)
        hold_lists(node, held, release)
        watcher.tell("channel_state_changed", change(ID_1, ALICE, NORMAL))
    assert held.wait(WAIT)
    for number in range(1, 100):
        watcher.tell("connect", {"id": str(vertex(number))})
    release.set()
    assert watcher.reached().wait(WAIT)
    Call(watcher.stop).result()
    assert node.rpc.asked.qsize() == 4


def test_a_lightningd_that_never_answers_holds_up_neither_answers_nor_the_end(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched():
        node.sleep(HOUR)
    hanging = threading.Event()

    def hang(method: str, params: dict[str, Any]) -> None:
        hanging.set()

    node.rpc.answer = hang
    watcher = Watcher(node.database, LightningRpc(node.rpc.path, WAIT), startup=True)
    watcher.start()
    store = watcher.ready(WAIT)
    assert hanging.wait(WAIT)
    assert points(store) == [CHANNEL_1]
    assert not watcher.reached().is_set()
    Call(watcher.stop).result()
    assert "chanfitness-cln" not in {thread.name for thread in threading.enumerate()}


# Ends, and what is remembered.


def test_an_end_is_where_blind_time_begins_and_figures_go_on_after_it(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.sleep(3 * HOUR)
    node.clock.advance(10 * HOUR)
    node.restart()
    with node.watched(startup=True) as store:
        node.connect(ALICE)
        node.sleep(QUIET)
        node.sleep(HOUR)
        node.disconnect(ALICE)
        node.sleep(HOUR)
        assert figures(store) == (5, 4)
        assert history(store).blind == 10 * HOUR + QUIET
        assert peer_info(store).flap_count == 1


def test_a_channel_that_closed_unseen_keeps_the_figures_of_the_end(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.sleep(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, "CHANNELD_SHUTTING_DOWN")
        node.sleep(HOUR)
    node.set_state(ID_1, CHANNEL_1, ALICE, "ONCHAIN")
    with node.watched() as store:
        assert points(store) == []
        node.sleep(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, "CLOSED")
    _, (closed,) = read(node.database)
    assert (closed.channel_point, closed.lifetime) == (
        str(CHANNEL_1),
        2 * HOUR // timedelta(microseconds=1),
    )


def test_a_start_in_the_middle_of_a_close_goes_on(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.sleep(HOUR)
    node.set_state(ID_1, CHANNEL_1, ALICE, "CLOSINGD_COMPLETE")
    with node.watched() as store:
        node.sleep(HOUR)
        assert figures(store) == (2, 2)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        assert points(store) == []


def test_a_splice_moves_the_figures_whether_it_is_seen_or_not(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE, short_channel_id="1x1x1")
    node.connect(ALICE)
    with node.watched() as store:
        node.sleep(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, SPLICING, short_channel_id="1x1x1")
        node.sleep(HOUR)
        node.set_state(ID_1, CHANNEL_2, ALICE, NORMAL, short_channel_id="2x1x1")
        assert node.watcher is not None
        assert node.watcher.point_of("2x1x1") == CHANNEL_2
        assert node.watcher.point_of("1x1x1") is None
        assert figures(store, CHANNEL_2) == (2, 2)
        with pytest.raises(ChannelNotFoundError):
            figures(store, CHANNEL_1)
    node.set_state(ID_1, CHANNEL_3, ALICE)
    with node.watched() as store:
        node.sleep(HOUR)
        assert points(store) == [CHANNEL_3]
        assert figures(store, CHANNEL_3) == (3, 3)


def test_an_unseen_splice_is_known_by_an_id_that_was_saved(node: Node) -> None:
    dual_funded = channel_id(99)
    node.set_state(dual_funded, CHANNEL_1, ALICE)
    with node.watched():
        node.sleep(HOUR)
    node.set_state(dual_funded, CHANNEL_2, ALICE)
    with node.watched() as store:
        assert figures(store, CHANNEL_2) == (1, 0)


def test_an_unseen_splice_is_known_by_the_id_that_the_channel_must_have(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched():
        node.sleep(HOUR)
    with closing(sqlite3.connect(node.database)) as database, database:
        assert database.execute("DELETE FROM channel_ids").rowcount == 1
    node.set_state(ID_1, CHANNEL_2, ALICE)
    with node.watched() as store:
        assert figures(store, CHANNEL_2) == (1, 0)


# What cannot be used.


@pytest.mark.parametrize(
    ("topic", "params"),
    [
        ("connect", {}),
        ("connect", {"id": None}),
        ("connect", {"id": "\x1b[2J" * 100}),
        ("connect", {"connect": 5}),
        ("disconnect", {"disconnect": []}),
        ("channel_state_changed", {"channel_id": ID_1}),
        ("channel_state_changed", {"channel_state_changed": change("x", ALICE, NORMAL)}),
        ("channel_state_changed", change(ID_1, ALICE, "\x1b[2J" * 100)),
        ("channel_state_changed", change(channel_id(5), ALICE, NORMAL)),
    ],
)
def test_what_cannot_be_used_is_logged_and_skipped(
    node: Node, topic: str, params: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        before = store.get_overview(timeout=WAIT)
        assert node.watcher is not None
        node.watcher.tell(topic, params)
        node.catch_up()
        assert store.get_overview(timeout=WAIT) == before
        node.connect(ALICE)
        assert peer_info(store).online
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.levelno == logging.WARNING
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 200


def test_a_fault_while_one_thing_is_handled_costs_that_thing(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: ChannelEventStore) -> None:
        raise RuntimeError("no exporter today")

    node.connect(ALICE)
    with node.watched(after_start=fail) as store:
        assert peer_info(store).online
    assert "no exporter today" in caplog.text


def test_a_database_in_use_is_an_error_and_nothing_else(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    storage = SqliteStorage(node.database)
    storage.open()
    try:
        watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False)
        watcher.start()
        for _ in range(2):
            with pytest.raises(ChanFitnessError, match="another store is writing it"):
                watcher.ready(WAIT)
        watcher.tell("connect", {"connect": {"id": str(ALICE)}})
        assert watcher.reached().wait(WAIT)
        Call(watcher.stop).result()
    finally:
        storage.close()
    (record,) = caplog.records
    assert (record.levelno, "cannot watch the channels" in record.getMessage()) == (40, True)


def test_a_store_that_cannot_start_is_an_error_and_nothing_else(node: Node) -> None:
    class NaiveClock:
        def now(self) -> datetime:
            return datetime(2026, 1, 1)

    watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False, clock=NaiveClock())
    watcher.start()
    with pytest.raises(ChanFitnessError, match=r"cannot watch the channels: .*naive"):
        watcher.ready(WAIT)
    Call(watcher.stop).result()


def test_a_watcher_that_was_not_started_ends(node: Node) -> None:
    watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False)
    with pytest.raises(RequestTimeoutError):
        watcher.ready(0)
    Call(watcher.stop).result()


def test_a_watcher_may_be_stopped_twice(node: Node) -> None:
    watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False)
    watcher.start()
    for _ in range(2):
        Call(watcher.stop).result()
