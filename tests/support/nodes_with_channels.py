"""A fake node whose peers have a channel each, and its store."""

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
    """Return a node with a peer and a channel for each of ``online``; ``settings``: the store's."""
    node = FakeNode(history=90 * DAY)
    for each in online:
        node.open_channel(node.new_peer(online=each))
    node.config = replace(node.config, **settings)
    return node


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    """A store that has watched for an hour."""
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
    """Take the node away for an hour; then these peers are back at once."""
    pause(node, at)
    node.advance(hours=1)
    resume(node, *online)


def seconds(store: ChannelEventStore, channel: OpenChannel) -> tuple[float, float]:
    """Return lifetime and uptime in seconds, without those of the first hour."""
    lifetime, uptime = figures(store, channel)
    return round(lifetime * 3600 - 3600, 6), round(uptime * 3600 - 3600, 6)
