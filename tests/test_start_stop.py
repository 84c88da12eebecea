"""Effects of start() and stop(), and the undoing of a failed start()."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest

from chanfitness import ManualClock, NotStartedError, OpenChannel

from .support.interruptible_config import (
    ANSWER,
    CALLABLES,
    OPEN_ALREADY,
    InterruptibleConfig,
    raiser,
)
from .support.stores import WAIT, OnRecord, QueueSubscription, make_store, running
from .support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START

# start()


def test_start_asks_for_each_peer_once_in_the_caller_s_thread() -> None:
    asked: list[tuple[object, int]] = []

    def is_peer_online(peer: object) -> bool:
        asked.append((peer, threading.get_ident()))
        return peer == BOB

    clock = ManualClock(START)
    channels = [(CHANNEL_1, ALICE), (CHANNEL_2, BOB), (CHANNEL_3, ALICE)]
    snapshot = [OpenChannel(point, peer) for point, peer in channels]
    store = make_store(open_channels=snapshot, is_peer_online=is_peer_online, clock=clock)

    with running(store):
        clock.advance(SECOND)
        infos = store.list_channels(timeout=WAIT)

    me = threading.get_ident()
    assert asked == [(ALICE, me), (BOB, me)]
    assert CAROL not in [peer for peer, _ in asked]
    assert [(info.channel_point, info.uptime) for info in infos] == [
        (CHANNEL_1, 0 * SECOND),
        (CHANNEL_2, SECOND),
        (CHANNEL_3, 0 * SECOND),
    ]


def test_promise_2_the_snapshot_is_as_old_as_the_return_of_get_open_channels() -> None:
    clock = ManualClock(START)

    def open_channels() -> Any:
        clock.advance(SECOND)
        yield from OPEN_ALREADY
        clock.advance(SECOND)

    with running(make_store(open_channels=open_channels(), clock=clock)) as store:
        assert store.list_channels(timeout=WAIT) == ANSWER


@pytest.mark.parametrize("error", [OSError("node is down"), KeyboardInterrupt("node is down")])
@pytest.mark.parametrize("step", CALLABLES)
def test_a_failed_start_is_undone_and_may_be_repeated(step: str, error: BaseException) -> None:
    around = InterruptibleConfig(step, raiser(error))

    with pytest.raises(type(error), match="node is down"):
        around.store.start()
    assert around.cancels == ((0, 0), (1, 0), (1, 1), (1, 1))[CALLABLES.index(step)]
    assert not around.is_watched
    with pytest.raises(NotStartedError):
        around.store.list_channels(timeout=WAIT)

    around.step = ""
    with running(around.store):
        assert around.store.list_channels(timeout=WAIT) == ANSWER


@pytest.mark.parametrize(
    "channels", [None, 7, [None], ["x"], [(CHANNEL_1, "alice")], [("x", ALICE)], [(CHANNEL_1,)]]
)
def test_a_snapshot_of_another_type_makes_start_fail(channels: Any) -> None:
    source = QueueSubscription()

    with pytest.raises((TypeError, ValueError)):
        make_store(source, open_channels=channels).start()

    assert source.cancels == 1
    assert "_put" not in vars(source.updates)


def test_a_thread_that_cannot_be_started_makes_start_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    around = InterruptibleConfig()

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda _: raiser(RuntimeError("no threads"))())
        with pytest.raises(RuntimeError, match="no threads"):
            around.store.start()
    assert around.cancels == (1, 1)
    assert not around.is_watched

    with running(around.store):
        assert around.store.list_channels(timeout=WAIT) == ANSWER


# stop()


class Stubborn(QueueSubscription):
    def cancel(self) -> None:
        super().cancel()
        raise OSError("cannot cancel")


def test_an_error_of_cancel_is_logged_and_the_other_subscription_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, two = Stubborn(), Stubborn()

    with running(make_store(one, two)):
        pass

    assert (one.cancels, two.cancels) == (1, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert caplog.text.count("OSError: cannot cancel") == 2


def test_an_error_of_cancel_does_not_hide_the_error_of_start() -> None:
    with pytest.raises(TypeError, match="cannot watch"):
        make_store(Stubborn(), QueueSubscription(queue.SimpleQueue())).start()  # type: ignore[arg-type]


def test_one_subscription_for_both_streams_is_cancelled_once() -> None:
    source = QueueSubscription()

    with running(make_store(source, source)):
        pass

    assert source.cancels == 1


def test_promise_1_events_before_the_stop_are_handled_and_later_ones_stay_in_their_queue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, stopped = QueueSubscription(), threading.Event()
    store = make_store(source)

    def put_around_a_stop() -> None:
        source.updates.put("before")
        store.stop()
        source.updates.put("after")
        stopped.set()

    with OnRecord("nonsense", put_around_a_stop), running(store):
        source.updates.put("nonsense")
        assert stopped.wait(timeout=WAIT)
    source.updates.put("much later")

    assert "could not handle 'before'" in caplog.text
    assert "later" not in caplog.text
    assert source.updates.unfinished_tasks == 2
    assert [source.updates.get_nowait() for _ in range(2)] == ["after", "much later"]
