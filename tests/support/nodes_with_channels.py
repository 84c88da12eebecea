"""A fake node whose peers have a channel each, and a store that watches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chanfitness import ChannelEventStore, OpenChannel, Vertex
from chanfitness.testing import FakeNode

from .persistent_stores import DAY
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
