"""Schedule of follow-up questions to a lightningd."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ManualClock
from chanfitness.nodes.cln.follow_ups import Alias, FollowUps, Relisted
from chanfitness.nodes.cln.listings import ListingClient
from chanfitness.nodes.cln.rpc_client import LightningRpc

from ...support.fake_lightningd import RpcServer
from ...support.values import ALICE, BOB, SECOND, START


class Asking:
    """Follow-ups of a lightningd, by a clock that only the test moves."""

    def __init__(self, rpc: RpcServer) -> None:
        self.rpc = rpc
        self.clock = ManualClock(START)
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        listings = ListingClient(LightningRpc(rpc.path), bool)
        self.follow_ups = FollowUps(listings, self.clock, self.inbox)

    def pause(self) -> float | None:
        """Wait until a question is due, ask it, and return the waited time."""
        seconds = self.follow_ups.seconds()
        if seconds is not None:
            self.clock.advance(timedelta(seconds=seconds))
            self.follow_ups.ask()
        return seconds


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    with RpcServer(tmp_path) as rpc:
        yield Asking(rpc)


def test_the_pauses_double_up_to_a_minute(asking: Asking) -> None:
    asking.follow_ups.relist(ALICE)
    pauses = [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60, 60]
    assert [asking.pause() for _ in pauses] == pauses
    asking.follow_ups.end(ALICE)
    assert asking.pause() is None


def test_questions_that_are_not_due_are_not_asked(asking: Asking) -> None:
    asking.follow_ups.relist(ALICE)
    for _ in range(10):
        asking.follow_ups.ask()
    assert asking.rpc.asked.qsize() == 1


def test_a_scheduled_peer_keeps_its_pause(asking: Asking) -> None:
    asking.follow_ups.relist(ALICE)
    for _ in range(8):
        asking.pause()
    asking.follow_ups.relist_all([ALICE])
    assert asking.pause() == 12.8
    asking.follow_ups.relist_all([ALICE, BOB])
    assert asking.pause() == 0
    asking.follow_ups.relist(ALICE)
    assert asking.pause() == 0


def test_answers_go_to_the_inbox_with_their_time(asking: Asking) -> None:
    asking.rpc.aliases[str(BOB)] = "Bob"
    asking.follow_ups.look_up([ALICE, BOB, ALICE])
    asking.follow_ups.relist(ALICE)
    asking.clock.advance(SECOND)
    assert [asking.pause() for _ in range(3)] == [0, 0, 0]
    answers = [asking.inbox.get(timeout=0), asking.inbox.get(timeout=0)]
    assert answers == [Relisted(ALICE, [], START + SECOND), Alias(BOB, "Bob", START + SECOND)]
    assert asking.inbox.empty()


def test_an_answer_is_stale_after_a_notification_of_its_peer(asking: Asking) -> None:
    asking.follow_ups.relist(ALICE)
    asking.pause()
    answer = asking.inbox.get(timeout=0)
    asking.follow_ups.told(BOB)
    assert asking.follow_ups.is_current(answer)
    asking.follow_ups.told(ALICE)
    assert not asking.follow_ups.is_current(answer)


def test_clear_drops_all_questions(asking: Asking) -> None:
    asking.follow_ups.relist(ALICE)
    asking.pause()
    asking.follow_ups.look_up([ALICE])
    asking.follow_ups.clear()
    assert asking.pause() is None
    assert not asking.follow_ups.is_current(asking.inbox.get(timeout=0))
