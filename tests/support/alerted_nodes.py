"""A fake node and the rules of alerts, which look at it with their saved state."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta, timezone
from functools import partial
from typing import Any

from chanfitness import MonitoringPausedEvent, MonitoringResumedEvent, OpenChannel, Vertex
from chanfitness.alerts.draft import Rules
from chanfitness.alerts.messages import Message
from chanfitness.alerts.rules import decide
from chanfitness.alerts.snapshot import past_of, take_snapshot
from chanfitness.alerts.state import State
from chanfitness.testing import FakeNode

HOUR = timedelta(hours=1)
SIX_HOURS = 6 * HOUR


class AlertedNode(FakeNode):
    """A node with rules; ``look()`` returns the new messages, ``messages`` are all."""

    def __init__(
        self,
        after: timedelta = SIX_HOURS,
        *,
        without: Iterable[str] = (),
        remembers: bool = True,
        history: timedelta | None = timedelta(days=90),
    ) -> None:
        super().__init__(history=history)
        self.rules = Rules(after, frozenset(without), remembers, timezone.utc)
        self.state = State()
        self.messages: list[Message] = []
        self.due: timedelta | None = None

    def look(self, **seen: Any) -> list[Message]:
        """Return the messages of now; ``seen``: more fields of the snapshot."""
        snapshot = take_snapshot(self.store)._replace(**seen)
        decision = decide(self.rules, self.state, snapshot, partial(past_of, self.store))
        saved = json.loads(json.dumps(decision.state.fields()))
        self.state = State.of_fields(saved)._replace(blind=decision.state.blind)
        self.due = decision.due
        self.messages += decision.messages
        return list(decision.messages)

    def look_after(self, **period: float) -> list[Message]:
        """Advance the clock by this time, and look."""
        self.advance(**period)
        return self.look()

    def kinds(self) -> list[str]:
        """Return the kinds of all messages."""
        return [message.kind for message in self.messages]

    def channel_with(
        self, alias: str | None = None, *, capacity: int | None = None, online: bool = True
    ) -> OpenChannel:
        """Open a channel with a new peer, and describe the peer."""
        peer = self.new_peer(online=online)
        channel = self.open_channel(peer)
        self.describe_peer(peer, alias=alias)
        number = channel.channel_point.txid[-4:]
        self.describe_channel(
            channel, short_channel_id=f"7{int(number, 16):05}x1x0", capacity=capacity
        )
        return channel

    def pause(self) -> None:
        """Pause monitoring."""
        self.channel_notifier.send_update(MonitoringPausedEvent())

    def resume(self, channels: Iterable[OpenChannel], online: Iterable[Vertex]) -> None:
        """Resume monitoring with these lists."""
        self.channel_notifier.send_update(MonitoringResumedEvent(channels, online))
