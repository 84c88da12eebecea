"""Transport outages are found as by a model with hindsight, for any sequence of events."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    MonitoringResumedEvent,
    OpenChannel,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    SqliteStorage,
    Vertex,
)

from ..support.blame_operations import LATE, LIMITS, RULES, Ask, Lists, Move, Pause, Put, puts
from ..support.blame_pair import Pair
from ..support.lengths import length
from ..support.transport_model import TransportModel
from ..support.values import outpoint, vertex

pytestmark = pytest.mark.usefixtures("quiet")

TOR = [vertex(number) for number in range(1, 5)]
CLEARNET = [vertex(number) for number in range(5, 8)]
PEERS = [*TOR, *CLEARNET]
ACTIVE = st.dictionaries(st.sampled_from([outpoint(each) for each in range(9)]), st.booleans())
CHANNELS = [OpenChannel(outpoint(number), PEERS[number % 7]) for number in range(9)]
NOBODY: set[Vertex] = set()

SOME = st.one_of(st.just(NOBODY), st.sets(st.sampled_from(PEERS), max_size=4))
PUTS = puts(PEERS, CHANNELS)
DESCRIPTIONS = st.tuples(
    st.sampled_from(PEERS), st.sampled_from(["tor", "clearnet", "i2p", "unknown"])
).map(lambda each: Put(PeerDescribedEvent(each[0], None, each[1])))
MOVES = st.sampled_from([0.000001, 1, 2, 4, 5, 30, 60, 89, 90, 91, 5000]).map(Move)
LISTS = st.builds(
    Lists,
    st.sampled_from([MonitoringResumedEvent, SnapshotEvent, SnapshotEvent]),
    st.one_of(st.just([]), st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True)),
    SOME,
    st.just(False),
    LATE,
    ACTIVE,
)
ONE = st.one_of(
    *[PUTS] * 6, *[MOVES] * 4, DESCRIPTIONS, LISTS, st.builds(Pause, LATE), st.builds(Ask)
).map(lambda each: [each])


@st.composite
def all_of(draw: Callable[..., Any], peers: list[Vertex], kind: Any) -> list[Any]:
    """Draw events that take all peers offline or online one by one, with changes between them."""
    operations: list[Any] = []
    for peer in draw(st.permutations(peers)):
        operations += [Put(kind(peer)), Move(draw(st.sampled_from([0, 0, 1, 4, 20])))]
        if draw(st.integers(0, 3)) == 0:
            operations.append(draw(PUTS))
    return operations


def described(peers: list[Vertex], transport: str) -> list[Any]:
    return [Put(PeerDescribedEvent(peer, None, transport)) for peer in peers]


DESCRIBED = st.just([*described(TOR, "tor"), *described(CLEARNET, "clearnet")])
OUTAGES = st.tuples(
    all_of(TOR, PeerOfflineEvent),
    st.lists(ONE, max_size=2).map(lambda steps: [each for step in steps for each in step]),
    st.one_of(
        all_of(TOR, PeerOnlineEvent),
        all_of(TOR[:2], PeerOnlineEvent),
        all_of(TOR[:3], PeerOnlineEvent),
        all_of(CLEARNET, PeerOfflineEvent),
        st.just([]),
    ),
).map(lambda parts: [each for part in parts for each in part])
ALL_COME = st.just([Put(PeerOnlineEvent(peer)) for peer in PEERS])
STEPS = st.sampled_from(
    [
        *[ONE] * 5,
        *[OUTAGES] * 3,
        all_of(CLEARNET, PeerOfflineEvent),
        all_of(CLEARNET, PeerOnlineEvent),
        ALL_COME,
        DESCRIBED,
    ]
).flatmap(lambda step: step)
OPERATIONS = st.integers(1, 12).flatmap(lambda size: st.lists(STEPS, min_size=size, max_size=size))
WHATEVER_HAPPENS = given(
    open_channels=st.lists(st.sampled_from(CHANNELS), unique=True),
    online=st.one_of(st.just({*PEERS}), st.sets(st.sampled_from(PEERS))),
    rules=RULES,
    limit=LIMITS,
    operations=OPERATIONS,
)


def play(storage: SqliteStorage | None, start: Any, operations: Sequence[list[Any]]) -> None:
    open_channels, online, rules, limit = start
    pair = Pair(open_channels, online, rules, storage, limit, model=TransportModel)
    all_come = [Put(PeerOnlineEvent(peer)) for peer in PEERS]
    begin = [*all_come, *described(TOR, "tor"), *described(CLEARNET, "clearnet"), Move(100)]
    pair.play_all([begin, *operations])


@settings(max_examples=length(150, 20_000))
@WHATEVER_HAPPENS
def test_the_store_decides_as_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    play(None, (open_channels, online, rules, limit), operations)


@settings(max_examples=length(80, 10_000))
@WHATEVER_HAPPENS
def test_with_a_storage_channels_that_come_back_are_decided_as_in_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(Path(directory) / "db")
        play(storage, (open_channels, online, rules, limit), operations)
