"""Plain queues as sources: accepted types, and their use by the store."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    ClosedChannelEvent,
    ManualClock,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerOfflineEvent,
    PeerOnlineEvent,
)

from ..support.stores import WAIT, Hold, QueueSubscription, join, make_store, running
from ..support.values import ALICE, CHANNEL_1, CHANNEL_2, SECOND, START

OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
NOTHING = timedelta(0)
LAST_YEAR = START - timedelta(days=365)
FAR_FUTURE = START.replace(year=9999)


def lifetime_and_uptime(store: ChannelEventStore) -> tuple[timedelta, timedelta]:
    info = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
    return info.lifetime, info.uptime


def open_points(store: ChannelEventStore) -> list[OutPoint]:
    return [info.channel_point for info in store.list_channels(timeout=WAIT)]


def handled_strings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the strings that the loop could not handle, in order."""
    prefix = "could not handle '"
    messages = [record.getMessage() for record in caplog.records]
    return [text[len(prefix) : -1] for text in messages if text.startswith(prefix)]


# Before and after the watch


def test_promise_2_items_of_before_the_start_have_the_time_of_the_snapshot() -> None:
    source, clock = QueueSubscription(), ManualClock(START)
    source.updates.put(PeerOnlineEvent(ALICE, at=LAST_YEAR))
    source.updates.put(OpenChannelEvent(CHANNEL_2, ALICE))
    clock.advance(9 * SECOND)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.advance(SECOND)
        for info in store.list_channels(timeout=WAIT):
            assert (info.lifetime, info.uptime) == (SECOND, SECOND)


def test_promise_1_items_of_before_the_start_come_after_the_snapshot() -> None:
    source = QueueSubscription()
    source.updates.put(ClosedChannelEvent(CHANNEL_1, ALICE))

    with running(make_store(source, open_channels=OPEN_ALREADY)) as store:
        assert open_points(store) == []


def test_after_stop_the_queue_is_as_it_was_before() -> None:
    source, other = QueueSubscription(), QueueSubscription(queue.PriorityQueue())
    before = vars(source.updates).copy(), vars(other.updates).copy()

    with running(make_store(source, other)):
        assert vars(source.updates).keys() > before[0].keys()
    source.updates.put("later")

    assert (vars(source.updates), vars(other.updates)) == (
        {**before[0], "unfinished_tasks": 1},
        before[1],
    )
    assert source.updates.get_nowait() == "later"


def test_a_queue_s_own_put_hook_is_used_while_watched_and_restored_after() -> None:
    source, seen = QueueSubscription(), []
    plain_put = source.updates._put

    def note_and_put(item: object) -> None:
        seen.append(item)
        plain_put(item)

    source.updates._put = note_and_put  # type: ignore[method-assign]
    with running(make_store(source)) as store:
        source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert seen == [OpenChannelEvent(CHANNEL_1, ALICE)]
    assert vars(source.updates)["_put"] is note_and_put


# Accepted sources


class LabelledQueue(queue.Queue[Any]):
    """A user's own queue with attributes of any name."""

    watcher = "Argus"
    ended = True
    note = source = read = taken = None


def test_a_user_s_own_queue_class_keeps_its_attributes() -> None:
    source = QueueSubscription(LabelledQueue())
    vars(source.updates)["watcher"] = "Heimdall"

    with running(make_store(source)) as store:
        source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert vars(source.updates)["watcher"] == "Heimdall"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (queue.SimpleQueue, "SimpleQueue"),
        (multiprocessing.Queue, "multiprocessing.queues.Queue"),
        (asyncio.Queue, "asyncio.queues.Queue"),
        (list, "list"),
    ],
)
def test_a_bad_source_is_a_type_error_with_the_expected_type(
    make: Callable[[], Any], name: str
) -> None:
    source, bad = QueueSubscription(), QueueSubscription(make())

    with pytest.raises(TypeError, match=rf"{name}: pass a queue\.Queue"):
        make_store(source, bad).start()

    assert (source.cancels, bad.cancels) == (1, 1)
    assert "_put" not in vars(source.updates)


def test_a_queue_that_another_store_watches_is_a_value_error() -> None:
    free, shared = QueueSubscription(), QueueSubscription()
    second = make_store(free, QueueSubscription(shared.updates))

    with running(make_store(shared)) as first:
        with pytest.raises(ValueError, match="watched already, by another store"):
            second.start()
        shared.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(first) == [CHANNEL_1]
        assert "_put" not in vars(free.updates)

    with running(second):
        shared.updates.put(OpenChannelEvent(CHANNEL_2, ALICE))
        assert open_points(second) == [CHANNEL_2]


def test_two_subscriptions_may_share_one_queue(caplog: pytest.LogCaptureFixture) -> None:
    source = QueueSubscription()
    twin = QueueSubscription(source.updates)

    with running(make_store(source, twin)) as store:
        source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert (source.cancels, twin.cancels) == (1, 1)
    assert caplog.records == []


def test_either_stream_carries_any_event() -> None:
    channels, peers, clock = QueueSubscription(), QueueSubscription(), ManualClock(START)

    with running(make_store(channels, peers, clock=clock)) as store:
        peers.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        channels.updates.put(PeerOnlineEvent(ALICE))
        clock.advance(SECOND)
        peers.updates.put(PeerOfflineEvent(ALICE))
        clock.advance(SECOND)
        assert lifetime_and_uptime(store) == (2 * SECOND, SECOND)


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (queue.Queue, ["b", "c", "a"]),
        (queue.LifoQueue, ["a", "c", "b"]),
        (queue.PriorityQueue, ["a", "b", "c"]),
    ],
)
def test_a_queue_is_handled_in_its_own_order(
    kind: Callable[[], Any], order: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = QueueSubscription(kind())

    with running(make_store(source)), Hold("nonsense") as hold:
        source.updates.put("nonsense")
        hold.reached()
        for item in ("b", "c", "a"):
            source.updates.put(item)
        hold.release()
        join(source.updates)

    assert handled_strings(caplog) == ["nonsense", *order]


# The `at` of events, and items that are no events


@pytest.mark.parametrize(
    ("ago", "uptime"), [(NOTHING, 1), (2 * SECOND, 3), (10 * SECOND, 11), (timedelta(99), 11)]
)
def test_the_at_of_an_event_counts_back_to_the_start_at_most(ago: timedelta, uptime: int) -> None:
    source, clock = QueueSubscription(), ManualClock(START)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.advance(10 * SECOND)
        at = (clock.now() - ago).astimezone(timezone(timedelta(hours=-7)))
        source.updates.put(PeerOnlineEvent(ALICE, at=at))
        clock.advance(SECOND)
        assert lifetime_and_uptime(store) == (11 * SECOND, uptime * SECOND)


def test_promise_3_the_at_of_an_event_is_limited_to_its_put() -> None:
    source, clock = QueueSubscription(), ManualClock(START)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        source.updates.put(PeerOnlineEvent(ALICE, at=FAR_FUTURE))
        clock.advance(SECOND)
        assert lifetime_and_uptime(store) == (SECOND, SECOND)


def test_promise_3_the_at_of_an_event_is_never_before_the_previous_item() -> None:
    source, clock = QueueSubscription(), ManualClock(START)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.advance(10 * SECOND)
        source.updates.put(PeerOnlineEvent(ALICE, at=START + 6 * SECOND))
        source.updates.put(PeerOfflineEvent(ALICE, at=START + 2 * SECOND))
        source.updates.put(PeerOnlineEvent(ALICE, at=START + 7 * SECOND))
        assert lifetime_and_uptime(store) == (10 * SECOND, 3 * SECOND)


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


@pytest.mark.parametrize(
    "item",
    [
        None,
        "a string",
        (ALICE, None),
        OpenChannel(CHANNEL_2, ALICE),
        OpenChannelEvent,
        Unshowable(),
        type("array", (), {})(),  # reprlib treats it as an array.array
        OpenChannelEvent("a point", ALICE),  # type: ignore[arg-type]
        OpenChannelEvent(CHANNEL_2, []),  # type: ignore[arg-type]
        ClosedChannelEvent({}, ALICE),  # type: ignore[arg-type]
        PeerOnlineEvent("alice"),  # type: ignore[arg-type]
        PeerOfflineEvent(7),  # type: ignore[arg-type]
    ],
    ids=lambda item: type(item).__name__,
)
def test_promise_8_a_bad_item_is_logged_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture, item: object
) -> None:
    source = QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY)) as store:
        source.updates.put(item)
        source.updates.put(PeerOnlineEvent(ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "could not handle" in caplog.text
