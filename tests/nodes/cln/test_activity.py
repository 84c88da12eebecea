"""Activity of channels, as put by the watcher of a lightningd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelEventStore,
    ChannelMovedEvent,
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)

from ...support.cln_messages import change
from ...support.cln_watchers import HOUR, ID_1, ID_2, NORMAL, SPLICING, Node, node
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START

__all__ = ["node"]

MINUTE, NO_TIME = 60 * SECOND, timedelta(0)
LISTS = (MonitoringResumedEvent, SnapshotEvent)
TOLD = (
    ActiveChannelEvent,
    InactiveChannelEvent,
    OpenChannelEvent,
    PeerOnlineEvent,
    PeerOfflineEvent,
    ChannelMovedEvent,
)


class Told:
    """The events of some types that a store handled."""

    store: ChannelEventStore

    def __init__(self, *types: type) -> None:
        self._types = types
        self._events: list[Any] = []

    def note(self, event: object, _: datetime) -> None:
        if isinstance(event, self._types):
            self._events.append(event)

    def take(self) -> list[Any]:
        """Return the events since the last call."""
        self.store.get_overview(timeout=WAIT)  # answered after all earlier events
        events, self._events = self._events, []
        return events


@contextmanager
def watched(node: Node, *types: type) -> Iterator[Told]:
    """Watch a node with a channel with Alice, who is online; yield its later events."""
    told = Told(*(types or TOLD))
    node.says_reestablished = True
    node.set_state(ID_1, CHANNEL_1, ALICE, short_channel_id="1x1x1")
    node.connect(ALICE)
    node.reestablish(ID_1)
    with node.watched(on_event=told.note) as told.store:
        node.let_pass(NO_TIME)
        told.take()
        asked(node)
        yield told


def asked(node: Node) -> list[dict[str, Any]]:
    """Return the parameters of the latest channel listings."""
    questions = [node.rpc.asked.get(timeout=WAIT) for _ in range(node.rpc.asked.qsize())]
    return [params for method, params in questions if method == "listpeerchannels"]


def listed(event: Any) -> dict[str, bool | None]:
    return {str(each.channel_point): each.active for each in event.open_channels}


def test_snapshots_have_the_activity_of_channels(node: Node) -> None:
    node.set_state(ID_2, CHANNEL_2, BOB)
    with watched(node, SnapshotEvent) as told:
        node.let_pass(HOUR)
        (snapshot,) = told.take()
        assert listed(snapshot) == {str(CHANNEL_1): True, str(CHANNEL_2): False}


def test_a_disconnect_makes_the_peers_channels_inactive(node: Node) -> None:
    node.says_reestablished = True
    node.set_state(ID_2, CHANNEL_2, ALICE)
    with watched(node) as told:
        node.reestablish(ID_2)
        node.let_pass(SECOND)
        assert told.take() == [ActiveChannelEvent(CHANNEL_2, START + timedelta(seconds=0.1))]
        node.disconnect(ALICE)
        at = node.clock.now()
        assert told.take() == [
            PeerOfflineEvent(ALICE, at),
            InactiveChannelEvent(CHANNEL_2, at),  # in the order of the list
            InactiveChannelEvent(CHANNEL_1, at),
        ]


def test_a_reestablished_channel_is_active_from_the_time_of_the_answer(node: Node) -> None:
    with watched(node) as told:
        node.disconnect(ALICE)
        told.take()
        node.connect(ALICE)
        node.let_pass(NO_TIME)
        now = node.clock.now()
        assert told.take() == [PeerOnlineEvent(ALICE, now), InactiveChannelEvent(CHANNEL_1, now)]
        node.reestablish(ID_1)
        node.let_pass(SECOND)
        (event,) = told.take()
        assert event == ActiveChannelEvent(CHANNEL_1, now + timedelta(seconds=0.1))
        asked(node)
        node.let_pass(10 * MINUTE)
        assert (asked(node), told.take()) == ([], [])


def test_a_slow_answer_has_the_time_at_which_it_came(node: Node) -> None:
    def slowly(method: str, params: dict[str, Any]) -> object:
        node.clock.advance(SECOND)
        return node.rpc.listed(method, params)

    with watched(node) as told:
        node.disconnect(ALICE)
        node.connect(ALICE)
        node.reestablish(ID_1)
        node.rpc.answer = slowly
        node.let_pass(2 * SECOND)
        assert told.take()[-1] == ActiveChannelEvent(CHANNEL_1, START + SECOND)


def test_a_peer_that_never_reestablishes_costs_a_question_a_minute_at_most(node: Node) -> None:
    with watched(node) as told:
        node.disconnect(ALICE)
        node.connect(ALICE)
        node.let_pass(MINUTE)
        assert len(asked(node)) <= 10
        node.let_pass(MINUTE)
        asked(node)
        node.let_pass(30 * MINUTE)
        assert 28 <= len(asked(node)) <= 30
        assert told.take()[-1] == InactiveChannelEvent(CHANNEL_1, START)


def test_channels_not_reestablished_at_the_snapshot_are_listed_again(
    node: Node,
) -> None:
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.connect(BOB)
    with watched(node) as told:
        node.let_pass(MINUTE)
        assert asked(node) != []
        node.reestablish(ID_2)
        node.let_pass(MINUTE)
        (event,) = told.take()
        assert event == ActiveChannelEvent(CHANNEL_2, event.at)


def test_channels_of_a_disconnected_peer_are_not_listed_again(node: Node) -> None:
    with watched(node):
        node.disconnect(ALICE)
        node.connect(ALICE)
        node.let_pass(MINUTE)
        node.disconnect(ALICE)
        asked(node)
        node.let_pass(10 * MINUTE)
        assert asked(node) == []


def test_a_peer_without_channels_is_not_listed_again(node: Node) -> None:
    with watched(node):
        node.connect(BOB)
        node.let_pass(10 * MINUTE)
        assert asked(node) == []


def test_an_answer_older_than_a_notification_of_its_peer_is_dropped(node: Node) -> None:
    def answer(method: str, params: dict[str, Any]) -> object:
        assert node.watcher is not None
        if method == "listpeerchannels":
            node.rpc.answer = node.rpc.listed
            result = deepcopy(node.rpc.listed(method, params))
            node.entries[ID_1]["state"] = "CHANNELD_SHUTTING_DOWN"
            node.watcher.tell(
                "channel_state_changed", change(ID_1, ALICE, "CHANNELD_SHUTTING_DOWN")
            )
            return result
        return node.rpc.listed(method, params)

    with watched(node) as told:
        node.disconnect(ALICE)
        node.connect(ALICE)
        node.reestablish(ID_1)
        node.rpc.answer = answer
        told.take()
        node.let_pass(MINUTE)
        assert told.take() == [InactiveChannelEvent(CHANNEL_1, START)]


def test_a_question_without_an_answer_is_asked_again(node: Node) -> None:
    with watched(node) as told:
        node.disconnect(ALICE)
        node.connect(ALICE)
        node.is_silent()
        node.let_pass(SECOND)
        node.reestablish(ID_1)
        node.is_silent(False)
        node.let_pass(SECOND)
        assert isinstance(told.take()[-1], ActiveChannelEvent)


def test_the_begin_of_a_close_makes_a_channel_inactive(node: Node) -> None:
    with watched(node) as told:
        node.let_pass(SECOND)
        for state in ("CHANNELD_SHUTTING_DOWN", "CLOSINGD_SIGEXCHANGE", "CLOSINGD_COMPLETE"):
            node.set_state(ID_1, CHANNEL_1, ALICE, state, reestablished=True)
        assert told.take() == [InactiveChannelEvent(CHANNEL_1, START + SECOND)]
        node.let_pass(10 * MINUTE)
        assert told.take() == []
        assert asked(node) == []


@pytest.mark.parametrize("is_reestablished", [True, False])
def test_a_new_channel_has_its_listed_activity(node: Node, is_reestablished: bool) -> None:
    with watched(node) as told:
        node.set_state(ID_2, CHANNEL_2, ALICE, reestablished=is_reestablished)
        opened, activity = told.take()
        assert opened == OpenChannelEvent(CHANNEL_2, ALICE, START)
        if is_reestablished:
            assert activity == ActiveChannelEvent(CHANNEL_2, START)
        else:
            assert activity == InactiveChannelEvent(CHANNEL_2, START)
            node.reestablish(ID_2)
            node.let_pass(NO_TIME)
            assert told.take() == [ActiveChannelEvent(CHANNEL_2, START)]


def test_a_splice_does_not_change_activity(node: Node) -> None:
    with watched(node) as told:
        node.set_state(ID_1, CHANNEL_1, ALICE, SPLICING, reestablished=True)
        node.set_state(ID_1, CHANNEL_3, ALICE, NORMAL, reestablished=True)
        assert told.take() == [ChannelMovedEvent(CHANNEL_1, CHANNEL_3, ALICE, START)]
        node.disconnect(ALICE)
        assert told.take()[1:] == [InactiveChannelEvent(CHANNEL_3, START)]


def test_without_reestablished_in_the_lists_activity_is_unknown(
    node: Node,
) -> None:
    told = Told(*LISTS, *TOLD)
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched(on_event=told.note) as told.store:
        node.let_pass(HOUR)
        assert [listed(event) for event in told.take()] == 2 * [{str(CHANNEL_1): None}]
        node.disconnect(ALICE)
        node.connect(ALICE)
        asked(node)
        node.let_pass(MINUTE)
        assert [type(event) for event in told.take()] == [PeerOfflineEvent, PeerOnlineEvent]
        assert len(asked(node)) == 1


def test_lists_older_than_a_connect_do_not_end_the_follow_ups(node: Node) -> None:
    def answer(method: str, params: dict[str, Any]) -> object:
        result = deepcopy(node.rpc.listed(method, params))
        if method == "listpeerchannels":
            assert node.watcher is not None
            node.rpc.answer = node.rpc.listed
            node.entries[ID_1].update(peer_connected=True, reestablished=True)
            node.watcher.tell("connect", {"id": str(ALICE)})
        return result

    with watched(node) as told:
        node.disconnect(ALICE)
        node.let_pass(HOUR - SECOND)
        told.take()
        node.rpc.answer = answer
        node.let_pass(MINUTE)
        assert isinstance(told.take()[-1], ActiveChannelEvent)
