"""A fake node whose peers have a channel each, and a store that watches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Vertex,
)
from chanfitness.testing import FakeNode

from .persistent_stores import DAY, figures
from .stores import running


def node_with_channels(*online: bool, **settings: Any) -> FakeNode:
    """A peer for each of ``online``, with a channel each; ``settings`` are of its config."""
    node = FakeNode(history=90 * DAY)
    for each in online:
        node.open_channel(node.new_peer(online=each))
    node.config = replace(node.config, **settings)
    return node


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    """One that has watched for an hour."""
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        yield store


def channels_of(node: FakeNode) -> list[OpenChannel]:
    return list(node.config.get_open_channels())  # type: ignore[arg-type]


def peers_of(node: FakeNode) -> list[Vertex]:
    return [peer for _, peer in channels_of(node)]


def put(node: FakeNode, event: object) -> None:
    node.channel_notifier.send_update(event)


def pause(node: FakeNode, at: datetime | None = None) -> None:
    put(node, MonitoringPausedEvent(at))


def resume(node: FakeNode, *online: Vertex) -> None:
    put(node, MonitoringResumedEvent(channels_of(node), online))


def restart(node: FakeNode, *online: Vertex, at: datetime | None = None) -> None:
    """The node is away for an hour, and then these peers are back already."""
    pause(node, at)
    node.advance(hours=1)
    resume(node, *online)


def seconds(store: ChannelEventStore, channel: OpenChannel) -> tuple[float, float]:
    """Lifetime and uptime beyond those of the first hour."""
    lifetime, uptime = figures(store, channel)
    return round(lifetime * 3600 - 3600, 6), round(uptime * 3600 - 3600, 6)
