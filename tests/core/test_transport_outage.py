"""When all peers of one transport go at once, it was this node's way there, and not their fault."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    BlindSpan,
    ChannelEventStore,
    ChannelMovedEvent,
    OpenChannel,
    PeerDescribedEvent,
    SnapshotEvent,
    SqliteStorage,
    TransportBackEvent,
    TransportLostEvent,
)
from chanfitness.logs import logged_time
from chanfitness.reports.loading import load_database
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import channels_of, pause, put, restart, resume, seconds
from ..support.persistent_stores import DAY, HOUR, ZERO, FlushedByHand, history_of
from ..support.stores import WAIT, running
from ..support.values import SECOND, outpoint

PERIOD, GRACE = 90 * SECOND, 5 * SECOND


class Node(FakeNode):
    """A node with channels of peers that it reaches by Tor, and of others; all are online."""

    def __init__(self, tor: int = 3, clearnet: int = 2, **settings: Any) -> None:
        super().__init__(history=90 * DAY)
        rules = {"own_outage": PERIOD, "return_grace": GRACE}
        self.config = replace(self.config, **(rules | settings))
        self.tor = [self.open_channel(self.new_peer(online=True)) for _ in range(tor)]
        self.clearnet = [self.open_channel(self.new_peer(online=True)) for _ in range(clearnet)]

    def describe(self) -> None:
        for transport, channels in (("tor", self.tor), ("clearnet", self.clearnet)):
            for _, peer in channels:
                put(self, PeerDescribedEvent(peer, None, transport))

    def tor_goes(self, every: float = 1) -> datetime:
        """All peers that are reached by Tor go, one after the other. Returns when the first did."""
        first = self.clock.now()
        for number, (_, peer) in enumerate(self.tor):
            if number:
                self.advance(seconds=every)
            self.peer_offline(peer)
        return first

    def tor_comes(self) -> None:
        for _, peer in self.tor:
            self.peer_online(peer)


@contextmanager
def watched(node: Node, path: Path | None = None, **more: Any) -> Iterator[ChannelEventStore]:
    """A store of the node that remembers in ``path``; its peers are described."""
    if path is not None:
        more = {"storage": SqliteStorage(path)} | more
    with running(ChannelEventStore(replace(node.config, **more))) as store:
        node.describe()
        yield store


@pytest.fixture
def node() -> Node:
    return Node()


def spans(store: ChannelEventStore) -> tuple[BlindSpan, ...]:
    return store.list_blind(timeout=WAIT)


def flaps(store: ChannelEventStore) -> set[int]:
    return {info.flap_count for info in store.list_peers(timeout=WAIT)}


def test_twelve_peers_of_one_transport_are_not_blamed_while_others_stay() -> None:
    node = Node(tor=12, clearnet=8)
    with watched(node) as store:
        node.advance(hours=1)
        first = node.tor_goes(every=5)
        node.advance(hours=2)
        node.tor_comes()
        node.advance(hours=1)

        away = 2 * HOUR + 55 * SECOND
        assert store.get_overview().blind == ZERO
        for channel in node.tor:
            assert seconds(store, channel) == (3600, 3600)
            history = history_of(store, channel)
            assert (history.outages, history.blind) == ((), away)
        for channel in node.clearnet:
            expected = 3600 + away.total_seconds()
            assert seconds(store, channel) == (expected, expected)
        assert flaps(store) == {0}
        assert spans(store) == (
            BlindSpan(first, first + away, away, "tor", "transport outage", 12),
        )


def test_it_lasts_until_each_is_online_again_by_whatever_transport(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        first, second, third = node.tor
        node.peer_online(first.peer)
        put(node, PeerDescribedEvent(first.peer, None, "clearnet"))
        node.advance(seconds=4)
        node.peer_online(second.peer)
        node.advance(seconds=4)
        assert spans(store)[0].end is None
        node.peer_online(third.peer)
        assert [seconds(store, each) for each in node.tor] == [(8, 8), (4, 4), (0, 0)]
        (span,) = spans(store)
        assert span.end == node.clock.now()
        assert flaps(store) == {0}


def test_who_is_not_back_within_the_grace_was_offline_from_the_first_return_on(
    node: Node,
) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        back = node.clock.now()
        node.advance(hours=1)
        assert [seconds(store, each) for each in node.tor] == [(3600, 3600), (3600, 0), (3600, 0)]
        (outage,) = history_of(store, node.tor[1]).outages
        assert (outage.start, outage.end, outage.duration) == (back, None, HOUR)
        (span,) = spans(store)
        assert (span.start, span.end) == (begun, back + GRACE)


def test_without_a_grace_only_the_first_to_return_is_not_blamed_from_there_on() -> None:
    node = Node(return_grace=None)
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 0), (10, 0)]
        assert spans(store)[0].end == node.clock.now() - 10 * SECOND


def test_another_peer_of_the_transport_may_be_the_first_to_return(node: Node) -> None:
    late = node.open_channel(node.new_peer())
    with watched(node) as store:
        put(node, PeerDescribedEvent(late.peer, None, "tor"))
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(late.peer)
        node.advance(seconds=3)
        node.tor_comes()
        assert [seconds(store, each) for each in node.tor] == [(0, 0)] * 3
        assert store.get_peer_info(late.peer).flap_count == 1


# When it is none.


@pytest.mark.parametrize(
    ("transport", "lost"),
    [("tor", True), ("i2p", True), ("local", True), ("unknown", False), (None, False)],
)
def test_peers_of_an_unknown_transport_take_part_in_none(
    node: Node, transport: str | None, lost: bool
) -> None:
    with running(ChannelEventStore(node.config)) as store:
        for _, peer in node.clearnet:
            put(node, PeerDescribedEvent(peer, None, "clearnet"))
        for _, peer in node.tor:
            put(node, PeerDescribedEvent(peer, "an alias", transport))
        node.tor_goes()
        assert bool(spans(store)) is lost


def test_a_transport_that_is_cleared_is_unknown(node: Node) -> None:
    with watched(node) as store:
        put(node, PeerDescribedEvent(node.tor[0].peer, None, "unknown"))
        node.tor_goes()
        assert spans(store) == ()


def test_a_description_of_a_stranger_is_dropped(node: Node) -> None:
    with watched(node) as store:
        put(node, PeerDescribedEvent(node.new_peer(), None, "tor"))
        node.tor_goes()
        assert len(spans(store)) == 1


def test_two_peers_are_too_few() -> None:
    node = Node(tor=2)
    with watched(node) as store:
        node.tor_goes()
        assert spans(store) == ()


@pytest.mark.parametrize(("every", "lost"), [(45, True), (45.000001, False)])
def test_all_must_go_within_the_period(node: Node, every: float, lost: bool) -> None:
    with watched(node) as store:
        node.tor_goes(every)
        assert bool(spans(store)) is lost


def test_one_of_the_transport_that_comes_between_decides_against_it(node: Node) -> None:
    late = node.open_channel(node.new_peer())
    with watched(node) as store:
        put(node, PeerDescribedEvent(late.peer, None, "tor"))
        first, second, third = (peer for _, peer in node.tor)
        node.peer_offline(first)
        node.peer_offline(second)
        node.peer_online(late.peer)
        node.peer_offline(third)
        node.peer_offline(late.peer)
        assert spans(store) == ()


def test_one_of_another_transport_that_comes_between_does_not(node: Node) -> None:
    with watched(node) as store:
        node.peer_offline(node.clearnet[0].peer)
        node.peer_offline(node.tor[0].peer)
        node.peer_online(node.clearnet[0].peer)
        for _, peer in node.tor[1:]:
            node.peer_offline(peer)
        assert len(spans(store)) == 1


def test_while_only_peers_of_an_unknown_transport_stay_nothing_can_be_told(node: Node) -> None:
    with running(ChannelEventStore(node.config)) as store:
        for _, peer in node.tor:
            put(node, PeerDescribedEvent(peer, None, "tor"))
        node.tor_goes()
        assert spans(store) == ()
        assert store.get_overview().sees


def test_a_peer_that_turns_out_to_be_of_another_transport_did_not_go(node: Node) -> None:
    with watched(node) as store:
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        put(node, PeerDescribedEvent(node.tor[0].peer, None, "clearnet"))
        node.peer_offline(node.tor[2].peer)
        assert spans(store) == ()


def test_without_the_setting_it_is_everybodys_outage() -> None:
    node = Node(own_outage=None)
    with watched(node) as store:
        node.tor_goes()
        node.advance(hours=1)
        assert spans(store) == ()
        assert history_of(store, node.tor[0]).uptime == ZERO
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))


# With all that may come between.


def test_an_own_outage_that_began_with_it_takes_its_place(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        assert [span.of for span in spans(store)] == ["tor"]
        node.advance(seconds=10)
        for _, peer in node.clearnet:
            node.peer_offline(peer)
        node.advance(hours=1)
        (span,) = spans(store)
        assert (span.start, span.of, span.cause) == (begun, "all", "own outage")
        for _, peer in channels_of(node):
            node.peer_online(peer)
        node.advance(seconds=10)
        assert [seconds(store, each) for each in channels_of(node)] == [(10, 10)] * 5
        assert flaps(store) == {0}


def test_an_own_outage_later_ends_it_where_that_begins(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        extra = [node.new_peer(online=True), node.new_peer(online=True)]
        for peer in extra:
            put(node, PeerDescribedEvent(peer, None, "clearnet"))
        node.advance(hours=1)
        lost = node.clock.now()
        for peer in [*(peer for _, peer in node.clearnet), *extra]:
            node.peer_offline(peer)
        node.advance(hours=1)
        for _, peer in channels_of(node):
            node.peer_online(peer)
        node.advance(seconds=10)
        assert [(span.start, span.end, span.of) for span in spans(store)] == [
            (begun, lost, "tor"),
            (lost, lost + HOUR, "all"),
        ]
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}


def test_a_source_that_is_cut_ends_it_and_a_resume_awaits_its_peers(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        cut = node.clock.now()
        restart(node, *(peer for _, peer in node.clearnet))
        node.advance(seconds=3)
        node.tor_comes()
        node.advance(seconds=10)
        assert [(span.end, span.of) for span in spans(store)] == [
            (cut, "tor"),
            (cut + HOUR, "all"),
        ]
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}


def test_a_line_that_was_lost_before_the_grace_was_over_takes_its_end_back(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        node.advance(seconds=2)
        lost = node.clock.now()
        node.advance(minutes=1)
        assert spans(store)[0].end == lost + 3 * SECOND
        assert seconds(store, node.tor[1]) == (62, 0)
        pause(node, lost)
        assert spans(store)[0].end == lost
        resume(node, *(peer for _, peer in channels_of(node)))
        assert seconds(store, node.tor[1]) == (0, 0)
        assert history_of(store, node.tor[1]).outages == ()


def test_lists_that_tell_of_a_return_are_a_first_return(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        online = [node.tor[0].peer, *(peer for _, peer in node.clearnet)]
        put(node, SnapshotEvent(channels_of(node), online))
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 0), (10, 0)]


def test_lists_in_the_middle_change_nothing(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        put(node, SnapshotEvent(channels_of(node), [peer for _, peer in node.clearnet]))
        node.advance(hours=1)
        assert {seconds(store, each) for each in node.tor} == {(0, 0)}
        assert spans(store)[0].end is None


def test_a_channel_that_opens_meanwhile_is_seen_from_the_return_on(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        late = node.open_channel(node.tor[0].peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(hours=1)
        info = store.get_chan_info(*late)
        assert (info.lifetime, info.uptime) == (HOUR, HOUR)


def test_a_channel_that_moves_meanwhile_goes_on(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        point, peer = node.tor[0]
        put(node, ChannelMovedEvent(point, outpoint(900), peer))
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        assert seconds(store, OpenChannel(outpoint(900), peer)) == (10, 10)


def test_a_channel_that_closed_meanwhile_has_the_figures_of_before(
    node: Node, tmp_path: Path
) -> None:
    with watched(node, tmp_path / "db") as store:
        node.advance(hours=1)
        first, *others = [peer for _, peer in node.tor]
        node.peer_offline(first)
        node.advance(seconds=10)
        closed = node.tor[0]
        node.close_channel(closed)
        for peer in others:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.open_channel(first, closed.channel_point)
        node.tor_comes()
        node.advance(seconds=10)
        assert seconds(store, closed) == (10, 10)


@pytest.mark.parametrize("first_is_back", [False, True])
def test_a_channel_that_closes_before_its_peer_is_back_is_not_blamed(
    node: Node, tmp_path: Path, first_is_back: bool
) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        if first_is_back:
            node.peer_online(node.tor[0].peer)
            node.advance(seconds=1)
        node.close_channel(node.tor[1])
        node.advance(seconds=1)
        node.tor_comes()
    (closed,) = load_database(str(tmp_path / "db")).closed
    assert (closed.lifetime, closed.uptime) == (HOUR, HOUR)


def test_all_that_return_may_go_again_which_is_an_outage_of_its_own(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}
        assert [span.peers for span in spans(store)] == [3, 3]


def test_who_is_awaited_still_is_part_of_the_next_outage() -> None:
    node = Node(tor=6)
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        early = [peer for _, peer in node.tor[:3]]
        for peer in early:
            node.peer_online(peer)
        node.advance(seconds=1)
        for peer in early:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        assert [seconds(store, each)[0] for each in node.tor] == [11, 11, 11, 10, 10, 10]
        assert {history_of(store, each).outages for each in node.tor} == {()}


# Over restarts.


def test_a_restart_in_the_middle_awaits_its_peers(node: Node, tmp_path: Path) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        stopped = node.clock.now()
    node.advance(hours=1)
    with watched(node, tmp_path / "db") as store:
        node.advance(seconds=3)
        node.tor_comes()
        node.advance(seconds=10)
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}
        assert [(span.start, span.end, span.of) for span in spans(store)] == [
            (begun, stopped, "tor"),
            (stopped, stopped + HOUR, "all"),
        ]


def test_a_crash_while_it_is_undecided_blames_nobody(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
            node.advance(seconds=10)
        node.peer_online(node.new_peer())  # so it is no own outage
        assert storage.flush()
        shutil.copy(tmp_path / "db", tmp_path / "crashed")
    node.advance(hours=1)
    with watched(node, tmp_path / "crashed") as store:
        node.tor_comes()
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 10), (30, 30)]
        assert flaps(store) == {0}


def test_a_stop_while_it_is_undecided_saves_what_was_seen(node: Node, tmp_path: Path) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        node.advance(seconds=10)
    with watched(node, tmp_path / "db") as store:
        assert [seconds(store, each) for each in node.tor] == [(10, 0), (10, 0), (10, 10)]


def test_nothing_is_written_while_its_channels_change_undecided(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage):
        put(node, PeerDescribedEvent(node.clearnet[0].peer, None, "clearnet"))
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        node.peer_online(node.new_peer())  # so it is no own outage
        node.open_channel(node.clearnet[0].peer)
        assert storage.flush()
        node.open_channel(node.tor[0].peer)
        assert not storage.flush()
        node.advance(seconds=91)
        assert storage.flush()


def test_old_outages_are_forgotten_with_the_history(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage, history=DAY) as store:
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        storage.flush()
        assert len(spans(store)) == 1
        node.advance(days=2)
        storage.flush()
        assert spans(store) == ()
    with watched(node, tmp_path / "db", storage=SqliteStorage(tmp_path / "db")) as store:
        assert [span.of for span in spans(store)] == []


# Who is told.


def test_it_is_logged_and_told(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[object, datetime]] = []
    node.config = replace(node.config, on_event=lambda *event: told.append(event))
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        lost = node.clock.now()
        node.advance(hours=1)
        node.tor_comes()
        back = node.clock.now()
        store.list_peers()
    assert [each for each in told if "Transport" in type(each[0]).__name__] == [
        (TransportLostEvent("tor", 3, begun), lost),
        (TransportBackEvent("tor", back), back),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "all 3 peers of transport tor went offline: this node's way there is lost,"
        f" as of {logged_time(begun)}",
        f"this node's way to transport tor is back, as of {logged_time(back)}:"
        " peers that are not: 2",
    ]


def test_it_is_told_to_be_over_when_all_is_blind(node: Node) -> None:
    told: list[object] = []
    node.config = replace(node.config, on_event=lambda event, _: told.append(event))
    with watched(node) as store:
        node.tor_goes()
        node.advance(hours=1)
        pause(node)
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))
    assert told[-1] == TransportBackEvent("tor", node.clock.now())


def test_a_failing_listener_is_told_of_the_next_all_the_same(node: Node) -> None:
    told: list[object] = []

    def listen(event: object, _: datetime) -> None:
        told.append(event)
        raise RuntimeError

    node.config = replace(node.config, on_event=listen)
    with watched(node):
        begun = node.tor_goes()
    assert told[-1] == TransportLostEvent("tor", 3, begun)


def test_the_overview_says_which_transports_are_lost(node: Node) -> None:
    stranger = node.new_peer(online=True)
    with watched(node) as store:
        put(node, PeerDescribedEvent(stranger, None, "i2p"))
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))
        node.tor_goes()
        assert store.get_overview().transports == (("clearnet", True), ("tor", False))
        node.peer_online(node.tor[0].peer)
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))


def test_peers_without_a_channel_count_too() -> None:
    node = Node(tor=2)
    with watched(node) as store:
        stranger = node.new_peer(online=True)
        put(node, PeerDescribedEvent(stranger, None, "tor"))
        node.peer_offline(stranger)
        node.tor_goes()
        assert [span.peers for span in spans(store)] == [3]
        assert stranger not in [info.peer for info in store.list_peers()]
        late = node.open_channel(stranger)
        node.advance(hours=1)
        node.tor_comes()
        assert store.get_chan_info(*late).lifetime == timedelta(hours=1)
