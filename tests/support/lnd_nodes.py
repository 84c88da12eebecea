"""Nodes that watch a fake lnd, and a recorded half hour of a real one."""

from __future__ import annotations

import base64
import datetime
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from typing_extensions import Self

from chanfitness import (
    NOT_YET_KNOWN,
    ActiveChannelEvent,
    ChannelDescribedEvent,
    InactiveChannelEvent,
    ManualClock,
    MonitoringResumedEvent,
    PeerDescribedEvent,
    SnapshotEvent,
    Subscription,
)
from chanfitness.nodes.backoff import Backoff
from chanfitness.nodes.lnd import LndNode
from chanfitness.recording.format import Line, parse_time, read

from .fake_lnd import (
    CHANNEL_EVENTS,
    MACAROON,
    PEER_EVENTS,
    FakeLnd,
    Link,
    Status,
    Stream,
    authority,
)
from .inbox import Inbox
from .paths import DATA
from .stores import WAIT, Call


def make_lnddir(directory: Path, macaroon: bytes = MACAROON) -> Path:
    """Make a directory as lnd does, with certificate and macaroon."""
    (directory / "tls.cert").write_bytes(authority().cert_pem.bytes())
    of_network = directory / "data" / "chain" / "bitcoin" / "mainnet"
    of_network.mkdir(parents=True)
    (of_network / "readonly.macaroon").write_bytes(macaroon)
    return directory


class Turnstile:
    """The waits of a ``Backoff``, without real time: one by one, or freely once it is open."""

    def __init__(self) -> None:
        self._waits: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._passes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.is_open = True

    def __call__(self, cancelled: Any, seconds: float) -> bool:
        if not self.is_open and not cancelled.is_set():
            self._waits.put(seconds)
            self._passes.get(timeout=WAIT)
        return bool(cancelled.is_set())

    def reached(self) -> float:
        """Wait until the node waits, and return the seconds that it asked for."""
        return self._waits.get(timeout=WAIT)

    def let_pass(self) -> None:
        self._passes.put(None)

    def let_one_pass(self) -> None:
        self.reached()
        self.let_pass()

    @contextmanager
    def one_by_one(self) -> Iterator[Self]:
        self.is_open = False
        try:
            yield self
        finally:
            self.is_open = True
            self._passes.put(None)


DETAILS = (ActiveChannelEvent, InactiveChannelEvent, PeerDescribedEvent, ChannelDescribedEvent)
"""Events that describe an open channel or an online peer."""


def undated(event: Any) -> Any:
    """Return the event; a snapshot loses the time at which its lists were asked for."""
    if isinstance(event, (MonitoringResumedEvent, SnapshotEvent)):
        assert event.at is not None
        return event._replace(at=None)
    return event


def next_dated(updates: queue.Queue[Any] | queue.SimpleQueue[Any]) -> Any:
    """Return the next event that is not one of ``DETAILS``."""
    while isinstance(event := updates.get(timeout=WAIT), DETAILS):
        pass
    return event


def next_of(updates: queue.Queue[Any] | queue.SimpleQueue[Any]) -> Any:
    """Return the next event that is not one of ``DETAILS``, undated."""
    return undated(next_dated(updates))


def first_snapshot(node: LndNode) -> Any:
    """Return the first event, which comes soon after a store's ``start()``."""
    assert node.get_open_channels() is NOT_YET_KNOWN
    updates = node.subscribe_channel_events().updates
    assert not updates.empty()
    return next_of(updates)


@dataclass
class Watcher:
    """A node with a subscription, and a backoff without real time."""

    node: LndNode
    turnstile: Turnstile
    subscription: Subscription

    def take(self) -> Any:
        """Wait for the next event that is not one of ``DETAILS``."""
        return next_of(self.subscription.updates)

    def take_all(self, count: int) -> list[Any]:
        return [self.take() for _ in range(count)]

    def cancel(self) -> None:
        Call(self.subscription.cancel).result()


@contextmanager
def closed_in_the_end(node: LndNode) -> Iterator[LndNode]:
    """Close ``node`` at the end; fail if that takes too long."""
    try:
        yield node
    finally:
        Call(node.close).result()


@contextmanager
def a_node(lnd: FakeLnd, directory: Path) -> Iterator[tuple[LndNode, Turnstile]]:
    """Return a node for ``lnd``, with a directory made for it."""
    turnstile = Turnstile()
    node = LndNode(rpcserver=lnd.rpcserver, lnddir=make_lnddir(directory))
    node.backoff = Backoff(wait=turnstile)
    node.patience = WAIT
    with closed_in_the_end(node):
        yield node, turnstile


class Timer:
    """Lets time pass for a node, on ``clock``; the node then asks for signs of life."""

    def __init__(self, clock: ManualClock, node: LndNode) -> None:
        self.clock = clock
        self._inbox: Inbox | None = None  # of the latest connection
        node.make_inbox = self._make_inbox
        node.config(clock=clock)

    def let_pass(self, time: datetime.timedelta) -> None:
        """Let this time pass while the node is connected."""
        self.pass_until(self.clock.now() + time)

    def pass_until(self, time: datetime.datetime) -> None:
        assert self._inbox is not None
        self._inbox.pass_until(time)

    def _make_inbox(self) -> Inbox:
        self._inbox = Inbox(self.clock, self._inbox)
        return self._inbox


@contextmanager
def watching(lnd: FakeLnd, directory: Path) -> Iterator[tuple[Watcher, Link]]:
    """Return a node that watches ``lnd`` after its first snapshot, with its streams."""
    with a_node(lnd, directory) as (node, turnstile):
        watcher = Watcher(node, turnstile, node.subscribe_channel_events())
        link = lnd.accept()
        assert isinstance(watcher.take(), MonitoringResumedEvent)
        yield watcher, link


class Sent(NamedTuple):
    """A message of lnd, with its time."""

    at: datetime.datetime
    stream: str
    message: bytes


@dataclass
class Segment:
    """A continuous segment of the recording: lnd's messages, and their events.

    ``before`` and ``after``: snapshots. ``statuses``: how the streams ended, and were refused
    until the next segment.
    """

    answers: dict[str, bytes] = field(default_factory=dict)
    before: list[Sent] = field(default_factory=list)
    after: list[Sent] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def recorded() -> list[Segment]:
    """Return half an hour of lnd: the messages byte for byte, with the expected events."""
    segments = [Segment()]
    for text in (DATA / "lnd-simnet-restarts.raw.jsonl").read_text().splitlines():
        record = json.loads(text)
        if segments[-1].statuses and "end" not in record:
            segments.append(Segment())
        segment = segments[-1]
        if "end" in record:
            segment.statuses.append((grpc.StatusCode[record["end"]], record["details"]))
            continue
        raw = base64.b64decode(record["raw"])
        if "rpc" in record:
            segment.answers[record["rpc"]] = raw
        else:
            sent = segment.after if segment.answers else segment.before
            sent.append(Sent(parse_time(record["at"]), record["stream"], raw))
    file = DATA / "lnd-simnet-restarts.jsonl"
    following = iter(segments)
    for line in read(file.read_bytes().splitlines(keepends=True), file.name):
        if isinstance(line.event, MonitoringResumedEvent):
            segment = next(following)
        segment.lines.append(line)
    return segments


def send(link: Link, sent: list[Sent]) -> None:
    streams: dict[str, Stream] = {CHANNEL_EVENTS: link.channels, PEER_EVENTS: link.peers}
    for each in sent:
        streams[each.stream].send(each.message)
