"""The store answers as a model that forgets nothing, for any sequence of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ChannelInfo,
    ChannelNotFoundError,
    ChannelNotifier,
    ClosedChannelEvent,
    ManualClock,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerNotFoundError,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    Vertex,
)

from ..support.lengths import length
from ..support.model import ZERO, Event, Model
from ..support.stores import QueueSubscription, make_store
from ..support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, START

Channel = tuple[OutPoint, Vertex]
Sources = Callable[[], tuple[Any, Any, list[Callable[[Event], object]]]]


pytestmark = pytest.mark.usefixtures("quiet")


class DatedClock:
    """A clock with ``read()``: its date may step, its seen time never does."""

    def __init__(self) -> None:
        self._reading = Reading(START, timedelta(days=40))

    def now(self) -> datetime:
        return self._reading.utc

    def read(self) -> Reading:
        return self._reading

    def advance(self, by: timedelta) -> None:
        self._reading = Reading(self._reading.utc + by, self._reading.seen + by)

    def step(self, by: timedelta) -> None:
        self._reading = self._reading._replace(utc=self._reading.utc + by)


class SteppedClock(ManualClock):
    """A clock without ``read()``, whose steps count as time."""

    step = ManualClock.advance


AnyClock = DatedClock | SteppedClock


def moment(clock: AnyClock) -> Reading:
    if isinstance(clock, DatedClock):
        return clock.read()
    return Reading(clock.now(), clock.now() - START)


class Put(NamedTuple):
    """An event; ``off``: its `at` relative to the clock, if it has one."""

    kind: type[Event]
    channel: Channel
    off: timedelta | None
    stream: int

    def event(self, clock: AnyClock) -> Event:
        at = None
        if self.off is not None:
            at = (clock.now() + self.off).astimezone(timezone(timedelta(hours=5, minutes=30)))
        if issubclass(self.kind, (OpenChannelEvent, ClosedChannelEvent)):
            return self.kind(*self.channel, at)
        return self.kind(self.channel[1], at)


class Advance(NamedTuple):
    by: timedelta


class Step(NamedTuple):
    by: timedelta


class Ask(NamedTuple):
    channel: Channel


class ListAll(NamedTuple):
    pass


Operation = Put | Advance | Step | Ask | ListAll


class Pair:
    """A store and its model, which get the same events and questions."""

    def __init__(
        self, sources: Sources, clock: AnyClock, open_channels: list[Channel], online: set[Vertex]
    ) -> None:
        self.clock = clock
        self.model = Model(moment(clock))
        channel_events, peer_events, self.put_in = sources()
        self.store = make_store(
            channel_events,
            peer_events,
            open_channels=[OpenChannel(*channel) for channel in open_channels],
            is_peer_online=online.__contains__ if online else None,
            clock=clock,
        )
        for _, peer in open_channels:
            if peer in online:
                self.model.put(PeerOnlineEvent(peer), moment(clock))
        for channel in open_channels:
            self.model.put(OpenChannelEvent(*channel), moment(clock))

    def play(self, operation: Operation) -> None:
        if isinstance(operation, Put):
            event = operation.event(self.clock)
            self.put_in[operation.stream](event)
            self.model.put(event, moment(self.clock))
        elif isinstance(operation, Advance):
            self.clock.advance(operation.by)
        elif isinstance(operation, Step):
            self.clock.step(operation.by)
        elif isinstance(operation, Ask):
            expected = self.model.ask(*operation.channel, moment(self.clock))
            assert self.answer(operation.channel) == expected
        else:
            infos = self.store.list_channels(timeout=30)
            assert infos == self.model.list_all(moment(self.clock))
            assert all(ZERO <= info.uptime <= info.lifetime for info in infos)

    def answer(self, channel: Channel) -> ChannelInfo | type[Exception]:
        try:
            info = self.store.get_chan_info(*channel, timeout=30)
        except (ChannelNotFoundError, PeerNotFoundError) as error:
            return type(error)
        assert ZERO <= info.uptime <= info.lifetime
        return info


def notifiers() -> tuple[Any, Any, list[Callable[[Event], object]]]:
    channels, peers = ChannelNotifier(), PeerNotifier()
    puts: list[Callable[[Event], object]] = [channels.send_update, peers.send_update]
    return channels.subscribe_channel_events(), peers.subscribe_peer_events(), puts


def queues() -> tuple[Any, Any, list[Callable[[Event], object]]]:
    channels, peers = QueueSubscription(), QueueSubscription()
    return channels, peers, [channels.updates.put, peers.updates.put]


# Few channels, most often with the same peer: this gives many closes of open channels, and many
# opens of channels that were open before.
CHANNELS = st.sampled_from(
    [(CHANNEL_1, ALICE)] * 4 + [(CHANNEL_2, ALICE)] * 2 + [(CHANNEL_2, BOB), (CHANNEL_1, BOB)]
)
UNHEARD_OF = st.sampled_from([(CHANNEL_3, ALICE), (CHANNEL_1, CAROL), (CHANNEL_3, CAROL)])
PEERS = st.sampled_from([ALICE, BOB])
FORWARDS = st.timedeltas(ZERO, timedelta(seconds=5))
EITHER_WAY = st.timedeltas(timedelta(seconds=-5), timedelta(seconds=5))
FAR_OFF = st.sampled_from([timedelta(days=-900), timedelta(days=900)])
KINDS = [OpenChannelEvent, ClosedChannelEvent, PeerOnlineEvent, PeerOfflineEvent]
PUTS = st.builds(
    Put,
    st.sampled_from(KINDS),
    CHANNELS,
    st.one_of(st.none(), st.none(), EITHER_WAY, FAR_OFF),
    st.integers(0, 1),
)
OPERATIONS = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    st.builds(Advance, FORWARDS),
    st.builds(Advance, FORWARDS),
    st.builds(Step, EITHER_WAY),
    st.builds(Ask, CHANNELS | UNHEARD_OF),
    st.builds(ListAll),
)
# The length is drawn first, since listings() alone makes short ones.
SEQUENCES = st.integers(1, 60).flatmap(
    lambda size: st.lists(OPERATIONS, min_size=size, max_size=size)
)


@settings(max_examples=length(400, 10_000))
@given(
    sources=st.sampled_from([notifiers, queues]),
    clock=st.sampled_from([DatedClock, SteppedClock]),
    open_channels=st.lists(CHANNELS, max_size=3),
    online=st.sets(PEERS),
    before_start=st.lists(PUTS.map(lambda put: put._replace(stream=0)), max_size=3),
    operations=SEQUENCES,
)
def test_the_store_answers_as_the_model(
    *,
    sources: Sources,
    clock: Callable[[], AnyClock],
    open_channels: list[Channel],
    online: set[Vertex],
    before_start: list[Put],
    operations: list[Operation],
) -> None:
    """Promises 1, 2 and 3. Nothing waits between a put, a step of the clock and a question."""
    pair = Pair(sources, clock(), open_channels, online)
    for put in before_start:
        pair.play(put)
    with pair.store:
        for operation in [*operations, ListAll()]:
            pair.play(operation)
