"""A node that watches a fake lnd, for tests, and lnd's half hour as it was recorded."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from chanfitness import MonitoringResumedEvent, Subscription
from chanfitness.nodes.backoff import Backoff
from chanfitness.nodes.lnd import LndNode
from chanfitness.recording import Line, parse_time, read

from .fake_lnd import (
    CHANNEL_EVENTS,
    PEER_EVENTS,
    FakeLnd,
    Link,
    Status,
    Stream,
    Turnstile,
    make_lnddir,
)
from .stores import WAIT, Call

DATA = Path(__file__).parent / "data"


@dataclass
class Watcher:
    """A node with a subscription, and a backoff that takes no time."""

    node: LndNode
    turnstile: Turnstile
    subscription: Subscription

    def take(self) -> Any:
        """The next event; waits for it."""
        return self.subscription.updates.get(timeout=WAIT)

    def take_all(self, count: int) -> list[Any]:
        return [self.take() for _ in range(count)]

    @property
    def is_empty(self) -> bool:
        return self.subscription.updates.empty()


@contextmanager
def a_node(lnd: FakeLnd, directory: Path) -> Iterator[tuple[LndNode, Turnstile]]:
    """A node for ``lnd``, with a directory made for it."""
    turnstile = Turnstile()
    node = LndNode(rpcserver=lnd.rpcserver, lnddir=make_lnddir(directory))
    node.backoff = Backoff(wait=turnstile)
    node.patience = WAIT
    try:
        yield node, turnstile
    finally:
        Call(node.close).result()


@contextmanager
def watching(lnd: FakeLnd, directory: Path) -> Iterator[tuple[Watcher, Link]]:
    """A node that watches ``lnd``, its first snapshot taken, and its streams."""
    with a_node(lnd, directory) as (node, turnstile):
        watcher = Watcher(node, turnstile, node.subscribe_channel_events())
        link = lnd.accept()
        assert isinstance(watcher.take(), MonitoringResumedEvent)
        yield watcher, link


class Sent(NamedTuple):
    """What lnd sent, and when."""

    at: datetime.datetime
    stream: str
    message: bytes


@dataclass
class Stretch:
    """One unbroken stretch of the recording: what lnd sent, and what that is as events.

    ``before`` and ``after``: the snapshot. ``statuses``: how the streams ended, and
    were refused until the next stretch.
    """

    answers: dict[str, bytes] = field(default_factory=dict)
    before: list[Sent] = field(default_factory=list)
    after: list[Sent] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def recorded() -> list[Stretch]:
    """Half an hour of lnd: the messages byte for byte, beside the events that they are."""
    stretches = [Stretch()]
    for text in (DATA / "lnd-simnet-restarts.raw.jsonl").read_text().splitlines():
        record = json.loads(text)
        if stretches[-1].statuses and "end" not in record:
            stretches.append(Stretch())
        stretch = stretches[-1]
        if "end" in record:
            stretch.statuses.append((grpc.StatusCode[record["end"]], record["details"]))
            continue
        raw = base64.b64decode(record["raw"])
        if "rpc" in record:
            stretch.answers[record["rpc"]] = raw
        else:
            sent = stretch.after if stretch.answers else stretch.before
            sent.append(Sent(parse_time(record["at"]), record["stream"], raw))
    file = DATA / "lnd-simnet-restarts.jsonl"
    following = iter(stretches)
    for line in read(file.read_bytes().splitlines(keepends=True), file.name):
        if isinstance(line.event, MonitoringResumedEvent):
            stretch = next(following)
        stretch.lines.append(line)
    return stretches


def send(link: Link, sent: list[Sent]) -> None:
    streams: dict[str, Stream] = {CHANNEL_EVENTS: link.channels, PEER_EVENTS: link.peers}
    for each in sent:
        streams[each.stream].send(each.message)
