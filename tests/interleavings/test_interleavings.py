"""Every interleaving of callers, producers, stops and the loop, in small cases.

Promises 1 to 4 and 8, in any order of the steps: no deadlock, no lost, wrong or late answer,
no lost event. The code is the package's own; only the standard library's locks, events,
threads and simple queues are replaced, so that the explorer chooses the next step. A caller's
timeout may come at any moment; then there may be no answer, or a late one, but never a wrong
one.

The number beside a case is the least number of schedules that must be run, so that a case
cannot pass by running none. It is nine tenths of the present number, which changes with the
code.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from ..support.lengths import STRESS, Record
from .cases import (
    ASK_AND_STOP,
    ASK_AND_TWO_STOPS,
    ASK_NOTIFY_AND_STOP,
    ASK_PUT_AND_DIE,
    ASK_PUT_AND_STOP,
    START_AND_STOP,
    START_NOTIFY_AND_STOP,
    TWO_ASK_AND_STOP_TICKING,
    TWO_NOTIFY_AND_STOP,
    TWO_PUT_AND_STOP,
    FailingQueue,
    hand_over,
)
from .hand_over import LATE_PAUSE, UNUSABLE, TickingClock
from .schedules import Case, explore
from .stepped import SteppedNotifier, SteppedQueue, stepped

ticking = partial(hand_over, clock=TickingClock)
bounded = partial(hand_over, updates=partial(SteppedQueue, 1), stops_last=True)
dying = partial(hand_over, updates=FailingQueue, dies=True)
notified = partial(hand_over, notifier=SteppedNotifier)
starting = partial(hand_over, is_running=False)

SHORT: dict[str, tuple[Case, int]] = {
    "a caller, a stop": (ASK_AND_STOP, 16),
    "a caller, a stop, every moment another": (ticking(1, 0, 1), 29),
    "a caller, two stops": (ASK_AND_TWO_STOPS, 833),
    "two callers, a stop, every moment another": (TWO_ASK_AND_STOP_TICKING, 882),
    "a caller, a producer, a stop": (ASK_PUT_AND_STOP, 1_258),
    "a caller, a producer, a stop, every moment another": (ticking(1, 1, 1, witnessed=True), 1_456),
    "a caller in no time, a producer, a stop": (hand_over(1, 1, 1, timeout=0), 743),
    "two callers with a timeout, a stop, every moment another": (
        ticking(2, 0, 1, timeout=1),
        2_493,
    ),
    "two producers, then a stop, every moment another": (TWO_PUT_AND_STOP, 13),
    "two at a notifier, then a stop, every moment another": (TWO_NOTIFY_AND_STOP, 26),
    "a caller, a producer, a dying loop": (ASK_PUT_AND_DIE, 29),
    "a caller, a notifier, a stop": (ASK_NOTIFY_AND_STOP, 1_616),
    "a caller, a producer on a bounded queue": (bounded(1, 1, 1, puts=2), 809),
    "a caller, a producer, a stop, a dying loop": (dying(1, 1, 1), 1_007),
    "a caller, a producer of a late pause, a stop, every moment another": (
        ticking(1, 1, 1, events=LATE_PAUSE[1:], awaits=True),
        962,
    ),
    "a start, a stop": (START_AND_STOP, 112),
    "a start, a caller, a stop": (starting(1, 0, 1), 728),
}

FULL: dict[str, tuple[Case, int]] = {
    "a caller, a producer of unusable time, a stop, every moment another": (
        ticking(1, 1, 1, puts=3, events=UNUSABLE, awaits=True),
        130_000,
    ),
    "a caller, a producer of a return and a late pause, a stop": (
        hand_over(1, 1, 1, puts=2, events=LATE_PAUSE, awaits=True),
        6_990,
    ),
    "a caller, a producer of a return and a late pause, a stop, every moment another": (
        ticking(1, 1, 1, puts=2, events=LATE_PAUSE, awaits=True),
        11_600,
    ),
    "a start, two stops": (starting(0, 0, 2), 19_200),
    "a start, a producer, a stop, every moment another": (
        starting(0, 1, 1, clock=TickingClock),
        5_700,
    ),
    "a start, a notifier, a stop": (START_NOTIFY_AND_STOP, 11_100),
    "two callers, a producer, two stops": (hand_over(2, 1, 2), 480_000),
    "a caller, a producer, two stops, every moment another": (ticking(1, 1, 2), 86_000),
    "two callers, two stops, every moment another": (ticking(2, 0, 2), 75_000),
    "two callers, a producer, a stop, every moment another": (ticking(2, 1, 1), 27_500),
    "a caller, two producers, a stop": (hand_over(1, 2, 1), 13_600),
    "a caller, a notifier that stops, a stop": (notified(1, 1, 1, notifier_stops=True), 5_700),
    "a caller, a producer of three on a bounded queue": (bounded(1, 1, 1, puts=3), 4_400),
    "a caller, two producers on a bounded queue": (bounded(1, 2, 1), 1_950),
    "two callers, a producer, a stop, a dying loop": (dying(2, 1, 1), 9_800),
    "a start, a caller, a producer, a stop": (starting(1, 1, 1), 5_000),
}

CASES = SHORT | FULL if STRESS else SHORT


@pytest.fixture(autouse=True)
def all_stepped() -> Iterator[None]:
    with stepped():
        yield


@pytest.mark.parametrize(("case", "least"), CASES.values(), ids=CASES)
def test_every_interleaving(case: Case, least: int, record_property: Record) -> None:
    found = explore(case)

    record_property("schedules", found.schedules)
    assert found.schedules >= least, found
