"""Costs of events and questions, counted in steps: they depend on the affected objects alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from chanfitness import OpenChannel, Reading
from chanfitness.core.ledger import Ledger
from chanfitness.core.queries import RetentionSettings
from chanfitness.core.timeline import Instant, Timeline

from ..support.counted_steps import CountedSteps
from ..support.persistent_stores import DAY
from ..support.values import SECOND, START, outpoint, vertex

FEW, MANY = 140, 700  # in both, segments of the timeline are forgotten
PERIOD = 90 * SECOND


class Accounts:
    """A ledger with so many channels, of as many peers or of one, all online."""

    def __init__(self, count: int, *, one_peer: bool = False) -> None:
        self.timeline = Timeline(Reading(START, timedelta(0)))
        self.ledger = Ledger(
            self.timeline, RetentionSettings(history=DAY, stored=True, own_outage=PERIOD)
        )
        self.channels = [
            OpenChannel(outpoint(number), vertex(1 if one_peer else number))
            for number in range(count)
        ]
        self.peers = list(dict.fromkeys(channel.peer for channel in self.channels))
        self.resume()
        self.ledger.flush(self.now, everything=False)

    @property
    def now(self) -> Instant:
        return self.timeline.instant()

    def wait(self, seconds: float, wrong: timedelta = timedelta(0)) -> Instant:
        """Advance by seconds seen; the wall clock is then ``wrong`` by so much."""
        seen = self.now[0] + timedelta(seconds=seconds)
        return self.timeline.advance(Reading(START + seen + wrong, seen))

    def resume(self) -> None:
        self.ledger.resume(self.now, self.channels, self.peers)

    def lose_all(self) -> None:
        """Apply an empty snapshot."""
        self.ledger.resume(self.now, [], [])

    def close_all(self) -> None:
        for channel in self.channels:
            self.ledger.close_channel(self.wait(1), *channel)

    def move_all(self) -> None:
        for number, (point, peer) in enumerate(self.channels):
            new_point = outpoint(10**6 + number)
            self.ledger.move_channel(self.wait(1), point, new_point, peer)
            self.channels[number] = OpenChannel(new_point, peer)

    def flap_all(self) -> None:
        for peer in self.peers:
            self.ledger.peer_offline(self.wait(1), peer)
            self.ledger.peer_online(self.wait(1), peer)

    def go_all(self) -> None:
        """Take all peers offline, as in an own outage."""
        for peer in self.peers:
            self.ledger.peer_offline(self.now, peer)

    def return_all(self) -> None:
        for peer in self.peers:
            self.ledger.peer_online(self.wait(1), peer)

    def close_and_flush_each(self) -> None:
        for channel in self.channels:
            self.ledger.close_channel(self.wait(100), *channel)
            flush = self.ledger.flush(self.now, everything=False)
            assert flush is not None
            assert [row.closed for row in flush.channels] != [None]

    def close_and_settle_all(self) -> None:
        """Close all channels, and advance until they cannot come back."""
        self.close_all()
        self.wait(3 * DAY / SECOND)
        flush = self.ledger.flush(self.now, everything=False)
        assert flush is not None
        assert len(flush.closed) == len(self.channels)

    def open_all(self) -> None:
        for channel in self.channels:
            self.ledger.open_channel(self.wait(1), *channel)

    def ask_all(self) -> None:
        self.ledger.overview(self.now)


def cut_often(accounts: Accounts) -> None:
    """Make a segment of the timeline for each channel."""
    for channel in accounts.channels:
        accounts.ledger.close_channel(accounts.wait(1), *channel)
        accounts.timeline.pause(accounts.now)
        accounts.timeline.resume()
        accounts.ledger.open_channel(accounts.wait(1), *channel)


def set_back(accounts: Accounts) -> None:
    """Correct the clock, which dates the earlier segments again."""
    cut_often(accounts)
    accounts.wait(1, wrong=-DAY)


def be_absent_often(accounts: Accounts) -> None:
    """Make as many gaps in a channel's life, and outages of its peer, as there are channels."""
    channel = accounts.channels[0]
    accounts.ledger.resume(accounts.now, [channel], [channel.peer])
    for _ in accounts.channels:
        accounts.ledger.peer_offline(accounts.wait(10), channel.peer)
        accounts.ledger.peer_online(accounts.wait(10), channel.peer)
        accounts.ledger.resume(accounts.wait(10), [], [channel.peer])
        accounts.ledger.resume(accounts.wait(10), [channel], [channel.peer])


def nothing(_: Accounts) -> None:
    """Change nothing."""


def ask_history(accounts: Accounts) -> None:
    history = accounts.ledger.channel_history(
        accounts.now, accounts.channels[0].channel_point, None
    )
    assert len(history.outages) == len(accounts.channels)


def steps(
    count: int,
    before: Callable[[Accounts], object],
    what: Callable[[Accounts], object],
    *,
    one_peer: bool,
) -> int:
    accounts = Accounts(count, one_peer=one_peer)
    before(accounts)
    return CountedSteps(lambda: what(accounts)).steps


@pytest.mark.parametrize("one_peer", [False, True])
@pytest.mark.parametrize(
    ("before", "what"),
    [
        (nothing, Accounts.lose_all),
        (nothing, Accounts.resume),
        (Accounts.lose_all, Accounts.lose_all),
        (Accounts.lose_all, Accounts.resume),
        (Accounts.lose_all, Accounts.close_all),
        (Accounts.lose_all, Accounts.move_all),
        (Accounts.lose_all, Accounts.flap_all),
        (nothing, Accounts.close_all),
        (nothing, Accounts.move_all),
        (nothing, Accounts.flap_all),
        (nothing, Accounts.go_all),
        (Accounts.go_all, Accounts.return_all),
        (nothing, Accounts.close_and_flush_each),
        (nothing, Accounts.close_and_settle_all),
        (Accounts.close_all, Accounts.open_all),
        (Accounts.close_all, Accounts.move_all),
        (nothing, Accounts.ask_all),
        (cut_often, Accounts.ask_all),
        (set_back, Accounts.ask_all),
        (set_back, Accounts.lose_all),
        (be_absent_often, ask_history),
    ],
)
def test_five_times_as_many_cost_five_times_as_much(
    before: Callable[[Accounts], object], what: Callable[[Accounts], object], one_peer: bool
) -> None:
    few, many = (steps(count, before, what, one_peer=one_peer) for count in (FEW, MANY))
    assert many <= 8 * few  # quadratic costs: 25 times as high; a binary search grows a little


STAYS = OpenChannel(outpoint(10**7), vertex(10**7))
OTHER = OpenChannel(outpoint(10**7 + 1), STAYS.peer)


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize(
    "what",
    [
        lambda ledger, now: ledger.peer_offline(now, STAYS.peer),
        lambda ledger, now: ledger.peer_online(now, vertex(10**7 + 1)),
        lambda ledger, now: ledger.open_channel(now, *OTHER),
        lambda ledger, now: ledger.close_channel(now, *STAYS),
        lambda ledger, now: ledger.move_channel(now, STAYS[0], *OTHER),
        lambda ledger, now: ledger.resume(now, [STAYS, OTHER], [STAYS.peer]),
        lambda ledger, now: ledger.resume(now, [], []),
        lambda ledger, now: ledger.overview(now),
        lambda ledger, now: ledger.list_peers(now),
        lambda ledger, now: ledger.list_channels(now),
        lambda ledger, now: ledger.peer_info(now, STAYS.peer),
        lambda ledger, now: ledger.flush(now, everything=False),
    ],
)
def test_closed_channels_that_may_come_back_cost_events_and_questions_nothing(
    what: Callable[[Ledger, Instant], object], offline: bool
) -> None:
    counted = []
    for count in (3, 3, 300):  # Python 3.13 misses some steps of the first count
        accounts = Accounts(count, one_peer=not offline)
        ledger = accounts.ledger
        ledger.open_channel(accounts.wait(1), *STAYS)
        ledger.peer_online(accounts.wait(1), STAYS.peer)
        accounts.close_all()
        if offline:
            for peer in accounts.peers:
                ledger.peer_offline(accounts.wait(1), peer)
        ledger.flush(accounts.wait(36_000), everything=False)  # lets all flaps cool down
        counted.append(CountedSteps(partial(what, ledger, accounts.wait(1))).steps)
    assert counted[1] == counted[2]


@pytest.mark.parametrize("event", [Ledger.peer_offline, Ledger.peer_online])
def test_a_flap_is_noted_once_as_unsaved(event: Callable[..., None]) -> None:
    accounts = Accounts(4)
    accounts.ledger.peer_offline(accounts.wait(1), accounts.peers[1])
    peer = accounts.peers[event is Ledger.peer_online]
    counted = CountedSteps(lambda: event(accounts.ledger, accounts.wait(1), peer))
    assert counted.calls["touch"] == 1


def test_a_close_and_an_open_are_noted_once_as_unsaved() -> None:
    accounts = Accounts(4)
    channel, now = accounts.channels[0], accounts.wait(1)
    for event in (accounts.ledger.close_channel, accounts.ledger.open_channel):
        counted = CountedSteps(partial(event, now, *channel))
        assert counted.calls["touch"] == 1


@pytest.mark.parametrize("online", [True, False])
def test_a_snapshot_notes_a_peer_once_as_unsaved(online: bool) -> None:
    accounts = Accounts(4)
    if online:
        accounts.ledger.peer_offline(accounts.wait(1), accounts.peers[0])
    seen = accounts.peers[not online :]
    counted = CountedSteps(lambda: accounts.ledger.resume(accounts.now, accounts.channels, seen))
    assert counted.calls["touch"] == 1
