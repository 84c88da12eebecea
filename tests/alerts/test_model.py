"""Random histories: the rules agree with a count of seconds, whatever the dates of the looks.

These histories never reach the limit of twenty messages an hour.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from chanfitness.alerts import draft
from chanfitness.alerts.draft import Rules
from chanfitness.alerts.messages import Message
from chanfitness.alerts.rules import decide
from chanfitness.alerts.snapshot import Snapshot
from chanfitness.alerts.state import State

from ..support.alert_model import AFTER, Second, any_history, lasting, snapshot_of, told
from ..support.lengths import length
from ..support.random_seeds import different_seeds, replayable
from ..support.values import SECOND, vertex

PEERS = 4
RULES = Rules(AFTER * SECOND)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit has tests of its own."""
    monkeypatch.setattr(draft, "LIMIT", 10**9)


def name(message: Message) -> str:
    """The model's name of a message."""
    if message.peer is not None:
        (peer,) = (number for number in range(PEERS) if str(vertex(number)) == message.peer)
        return f"{message.kind} {peer}"
    of = [each for each in ("tor", "clearnet") if f" {each} " in message.text]
    return " ".join([message.kind, *of])


def look(state: State, snapshot: Snapshot) -> tuple[State, list[str], int | None]:
    decision = decide(RULES, state, snapshot, lambda _: None)
    due = None if decision.due is None else decision.due // SECOND
    return decision.state, sorted(map(name, decision.messages)), due


def told_each_second(seconds: Sequence[Second]) -> list[list[str]]:
    state, messages = State(), []
    for now in range(len(seconds)):
        state, found, _ = look(state, snapshot_of(seconds, now))
        messages.append(found)
    return messages


@pytest.mark.parametrize("seed", different_seeds(length(10, 500)))
def test_messages_agree_with_a_count_of_seconds(seed: int) -> None:
    with replayable(seed):
        seconds = any_history(random.Random(seed), 500, PEERS)
        before: dict[str, int] = {}
        for now, found in enumerate(told_each_second(seconds)):
            present = lasting(seconds, now)
            assert found == told(before, present), f"second {now}"
            before = present


@pytest.mark.parametrize("seed", different_seeds(length(10, 500)))
def test_looks_after_events_and_when_due_are_enough(seed: int) -> None:
    with replayable(seed):
        seconds = any_history(random.Random(seed), 500, PEERS)
        state, due, messages = State(), None, []
        for now, second in enumerate(seconds):
            found: list[str] = []
            if now == 0 or second != seconds[now - 1] or now == due:
                state, found, left = look(state, snapshot_of(seconds, now))
                due = None if left is None else now + left
            messages.append(found)
        assert messages == told_each_second(seconds)
