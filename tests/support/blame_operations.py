"""Random events of a node whose peers, channels and connections come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    Vertex,
)

from .values import SECOND, outpoint, vertex

PEERS = [vertex(number) for number in range(1, 6)]
CHANNELS = [OpenChannel(outpoint(number), PEERS[number % 5]) for number in range(7)]


class Move(NamedTuple):
    """A step of the clock."""

    by: float


class Ask(NamedTuple):
    pass


class Put(NamedTuple):
    event: Any


class Lists(NamedTuple):
    """Lists of ``late`` seconds ago, which differ from the known state.

    ``active``: of some of the open channels. The others are plain pairs.
    """

    kind: type[MonitoringResumedEvent] | type[SnapshotEvent]
    channels: list[OpenChannel]
    peers: set[Vertex]
    nobody: bool
    late: float | None
    active: Mapping[OutPoint, bool] = {}


class Pause(NamedTuple):
    late: float | None


def event_of(
    operation: Put | Lists | Pause,
    now: datetime,
    open_channels: Iterable[OpenChannel],
    online: Iterable[Vertex],
) -> Any:
    """Return the event for a store with these channels and these peers online."""
    if isinstance(operation, Put):
        return operation.event
    late = operation.late
    at = None if late is None else now - late * SECOND
    if isinstance(operation, Pause):
        return MonitoringPausedEvent(at)
    channels: list[Any] = [
        OpenChannel(*each, operation.active[each[0]]) if each[0] in operation.active else each[:2]
        for each in sorted({*open_channels} ^ {*operation.channels})
    ]
    peers = sorted({*online} ^ operation.peers, key=bytes)
    return operation.kind(channels, [] if operation.nobody else peers, at)


OPEN_CHANNELS = st.lists(st.sampled_from(CHANNELS), unique=True)
ONLINE = st.sets(st.sampled_from(PEERS))


def puts(peers: Sequence[Vertex], channels: Sequence[OpenChannel]) -> st.SearchStrategy[Put]:
    """Draw events of these peers and channels."""
    peer, channel = st.sampled_from(peers), st.sampled_from(channels)
    return st.one_of(
        peer.map(PeerOnlineEvent),
        peer.map(PeerOnlineEvent),
        peer.map(PeerOfflineEvent),
        peer.map(PeerOfflineEvent),
        channel.map(lambda each: OpenChannelEvent(*each)),
        channel.map(lambda each: ClosedChannelEvent(*each)),
        channel.map(lambda each: InactiveChannelEvent(each.channel_point)),
        channel.map(lambda each: InactiveChannelEvent(each.channel_point)),
        channel.map(lambda each: ActiveChannelEvent(each.channel_point)),
    ).map(Put)


PUTS = puts(PEERS, CHANNELS)
NOBODY: set[Vertex] = set()
PEER_SETS = st.one_of(st.just(NOBODY), st.sets(st.sampled_from(PEERS)))
LATE = st.sampled_from([None, None, 0, 1, 3, 10, 100])
ACTIVE = st.dictionaries(
    st.sampled_from([each.channel_point for each in CHANNELS]), st.booleans(), max_size=3
)
LISTS = st.builds(
    Lists,
    st.sampled_from([MonitoringResumedEvent, MonitoringResumedEvent, SnapshotEvent]),
    st.one_of(st.just([]), st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True)),
    PEER_SETS,
    st.sampled_from([False, False, True]),
    LATE,
    ACTIVE,
)
MOVES = st.sampled_from([0.000001, 1, 2, 4, 4.999999, 5, 30, 59, 60, 89, 90, 91, 5000]).map(Move)
ONE = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    PUTS,
    MOVES,
    MOVES,
    MOVES,
    LISTS,
    LISTS,
    st.builds(Pause, LATE),
    st.builds(Ask),
).map(lambda each: [each])
ALL_COME = st.permutations(PEERS).map(lambda peers: [Put(PeerOnlineEvent(peer)) for peer in peers])
ALL_GO = st.permutations(PEERS).map(lambda peers: [Put(PeerOfflineEvent(peer)) for peer in peers])


@st.composite
def spread(draw: Callable[..., Any], puts: st.SearchStrategy[list[Put]]) -> list[Any]:
    """Draw events of many peers, not all at one moment."""
    operations: list[Any] = []
    for put in draw(puts):
        operations += [put, Move(draw(st.sampled_from([0, 0, 1, 4, 20])))]
    return operations


@st.composite
def restarts(draw: Callable[..., Any]) -> list[Any]:
    """Draw restarts: none or some peers are back at once, others one after the other."""
    lists = Lists(MonitoringResumedEvent, [], draw(PEER_SETS), draw(st.booleans()), None)
    operations: list[Any] = [Pause(None), Move(1), lists]
    for put in draw(ALL_COME)[: draw(st.integers(0, 5))]:
        operations += [Move(draw(st.sampled_from([1, 4, 4, 29, 29, 5]))), put]
    return operations


OPERATIONS = st.integers(1, 40).flatmap(
    lambda size: st.lists(
        st.one_of(ONE, ONE, ONE, ONE, ONE, spread(ALL_COME), spread(ALL_GO), restarts()),
        min_size=size,
        max_size=size,
    )
)
RULES = st.fixed_dictionaries(
    {
        "own_outage": st.sampled_from([90 * SECOND, 90 * SECOND, None]),
        "return_grace": st.sampled_from([5 * SECOND, 5 * SECOND, 30 * SECOND, 0 * SECOND, None]),
    }
)

LIMITS = st.sampled_from([10_000, 10_000, 5, 3, 2])
"""Limits of the history: at least two changes, since the last may be undone."""
