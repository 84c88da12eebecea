"""A real lnd's messages, damaged in every way, and random messages.

The store sees again once lnd sends valid messages again. Its figures are sensible all the
while, and nothing is lost that was stored before.
"""

from __future__ import annotations

import queue
import random
import shutil
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from chanfitness import (
    ChannelEventStore,
    ClosedChannelEvent,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    SqliteStorage,
)
from chanfitness.nodes.lnd import messages as lnd_messages
from chanfitness.storage.sqlite import read

from ...support.fake_lnd import AWAY, LIST_CHANNELS, LIST_PEERS, FakeLnd, closed, message, offline
from ...support.fuzzing import (
    ODD_BYTES,
    ODD_JSON,
    OF_BYTES,
    bounded_memory,
    damaged,
    no_complaints,
    random_damages,
)
from ...support.lengths import length
from ...support.lnd_nodes import Segment, a_node, recorded, send
from ...support.persistent_stores import nothing_is_lost
from ...support.random_seeds import different_seeds, replayable, seeds
from ...support.stored_days import THEN, store_the_days_before
from ...support.stores import WAIT, running
from ...support.values import ALICE, CHANNEL_1, outpoint, vertex

__all__ = ["bounded_memory"]

ZERO, DAY = timedelta(0), timedelta(days=1)
SEGMENTS = recorded()
REST = SEGMENTS[1:]
LAST = OpenChannel(outpoint(0), vertex(99))
"""Its close and its peer's disconnect mark the end of both streams."""

NUMBERS = [0, 1, 2, 2**31 - 1, 2**31, 2**63, 2**64 - 1]
TEXTS = [*ODD_JSON, *ODD_BYTES, str(ALICE).encode(), str(CHANNEL_1).encode(), b""]


def any_message(rng: random.Random, depth: int = 3) -> bytes:
    """Return a message of random fields with random values."""
    return message(
        *(
            (rng.choice([1, 1, 2, 3, 5, 11, rng.randrange(1, 2**29)]), any_value(rng, depth))
            for _ in range(rng.randrange(5))
        )
    )


def any_value(rng: random.Random, depth: int) -> int | bytes:
    ways: list[Callable[[], int | bytes]] = [
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(TEXTS),
        lambda: any_message(rng, depth - 1),
    ]
    return rng.choice(ways if depth else ways[:2])()


def made_worse(raw: bytes, rng: random.Random) -> bytes:
    """Return the message as it is, damaged, or replaced by a random one."""
    if rng.random() < 0.1:
        return any_message(rng)
    return damaged(raw, random_damages(rng, 2, OF_BYTES)) if rng.random() < 0.5 else raw


REAL = [each.message for segment in SEGMENTS for each in segment.after]
REAL += [raw for segment in SEGMENTS for raw in segment.answers.values()]


@pytest.mark.parametrize(
    "reading",
    [
        lnd_messages.channel_events,
        lnd_messages.peer_events,
        lnd_messages.listed_channels,
        lnd_messages.listed_peers,
    ],
)
def test_any_message_is_decoded_or_refused(reading: Callable[[bytes], object]) -> None:
    for seed in different_seeds(length(2_000, 200_000)):
        rng = random.Random(seed)
        raw = made_worse(rng.choice(REAL), rng)
        with replayable(seed), no_complaints():
            refusal = refusal_of(reading, raw)
            assert refusal.isprintable()
            assert len(refusal) < 300


def refusal_of(reading: Callable[[bytes], object], raw: bytes) -> str:
    try:
        reading(raw)
    except DecodeError:
        return "it is no such message"
    except ValueError as error:
        return str(error)
    return ""


# The whole way.


def follow(
    lnd: FakeLnd, directory: Path, segments: list[Segment], worse: Callable[[bytes], bytes]
) -> None:
    """Let a store watch an lnd that sends the segments made ``worse``, and then the truth.

    ``directory``: of the database and of lnd's files.
    """
    clock = ManualClock(THEN)
    handled: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listings = {
        method: deque(worse(segment.answers[method]) for segment in segments)
        for method in (LIST_CHANNELS, LIST_PEERS)
    }
    lnd.answers = segments[-1].answers
    lnd.on = {method: partial(next_of, answers) for method, answers in listings.items()}
    with a_node(lnd, directory) as (node, _):
        config = node.config(
            clock=clock,
            storage=SqliteStorage(directory / "db"),
            history=90 * DAY,
            on_event=lambda event, _: handled.put(event),
        )
        with running(ChannelEventStore(config)) as store:
            for segment in segments:  # one connection each
                link = lnd.accept()
                for each in [*segment.before, *segment.after]:
                    send(link, [each._replace(message=worse(each.message))])
                    clock.advance(timedelta(milliseconds=100))
                    check(store)
                if segment is segments[-1]:  # a list that was not asked for is never sent
                    for answers in listings.values():
                        answers.clear()
                link.end(AWAY)
            link = lnd.accept()
            link.channels.send(closed(LAST))
            link.peers.send(offline(LAST.peer))
            missing, sees = {ClosedChannelEvent(*LAST), PeerOfflineEvent(LAST.peer)}, False
            while missing or not sees:
                event = handled.get(timeout=WAIT)
                missing.discard(event)
                sees = not isinstance(event, MonitoringPausedEvent) and (
                    sees or isinstance(event, MonitoringResumedEvent)
                )
            check(store)
            overview = store.get_overview(timeout=WAIT)
    listed = lnd_messages.listed_channels(lnd.answers[LIST_CHANNELS])
    open_channels = {each.channel for each in listed}
    assert {(each.channel_point, each.peer) for each in overview.channels} == open_channels
    online = {each.peer for each in overview.peers if each.online}
    assert online == {each.peer for each in lnd_messages.listed_peers(lnd.answers[LIST_PEERS])}


def next_of(answers: deque[bytes], _: object) -> bytes | None:
    """Return the next answer; None, for lnd's own answer, if there are no more."""
    return answers.popleft() if answers else None


def check(store: ChannelEventStore) -> None:
    for info in store.list_channels(timeout=WAIT):
        assert ZERO <= info.uptime <= info.lifetime


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database after the days before."""
    path = tmp_path_factory.mktemp("stored") / "db"
    store_the_days_before(path)
    return path.read_bytes()


def test_nonsense_of_lnd_costs_no_known_figures(tmp_path: Path, stored: bytes) -> None:
    for seed in islice(seeds(), length(10, 1_000)):
        rng, directory = random.Random(seed), tmp_path / str(seed)
        directory.mkdir()
        database = directory / "db"
        database.write_bytes(stored)
        before = read(database)

        with replayable(seed), no_complaints(), FakeLnd() as lnd:
            follow(lnd, directory, REST, partial(made_worse, rng=rng))
            nothing_is_lost(*before, *read(database))
        shutil.rmtree(directory)
