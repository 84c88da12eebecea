"""Cases of the explorer: callers, producers and stops at one store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .hand_over import HandOver, TickingClock
from .schedules import Case
from .stepped import SteppedNotifier, SteppedQueue
from .stepping import LOOK, Party, Run, here


class FailingQueue(SteppedQueue):
    """A queue from which the loop cannot take its first item, so it dies."""

    def _get(self) -> Any:
        raise OSError("disk on fire")


def add(run: Run, count: int, name: str, function: Callable[[], object]) -> list[Party]:
    """Add ``count`` equal parties."""
    parties: list[Party] = []
    for number in range(1, count + 1):
        parties.append(run.party(f"{name} {number}", function, parties[-1] if parties else None))
    return parties


def after(parties: list[Party], function: Callable[[], object]) -> Callable[[], object]:
    """Call ``function`` after all these parties have ended."""

    def wait() -> object:
        ends = tuple((("end", party.number), LOOK) for party in parties)
        here().step("has waited for others", ends, lambda: all(party.ended for party in parties))
        return function()

    return wait


def hand_over(
    callers: int,
    producers: int,
    stops: int,
    *,
    puts: int = 1,
    is_running: bool = True,
    stops_last: bool = False,
    notifier_stops: bool = False,
    **options: Any,
) -> Case:
    """Return a case in which these parties act on one store. ``options``: of ``HandOver``.

    ``puts``: the number of events of each producer. ``is_running``: whether the store runs before;
    otherwise another party starts it. ``stops_last``: the stops come after the producers have
    ended. ``notifier_stops``: another party stops the notifier.
    """

    def case(run: Run) -> Callable[[], object]:
        scene = HandOver(**options)
        if is_running:
            scene.store.start()
            run.settle()
        else:
            run.party("start", scene.start)
        add(run, callers, "caller", scene.ask)
        if notifier_stops:
            run.party("notifier", scene.notifier.stop)
        producing = add(run, producers, "producer", partial(scene.put, puts))
        add(run, stops, "stop", after(producing, scene.stop) if stops_last else scene.stop)
        return scene.check

    return case


ASK_AND_STOP = hand_over(1, 0, 1)
ASK_AND_TWO_STOPS = hand_over(1, 0, 2)
TWO_ASK_AND_STOP_TICKING = hand_over(2, 0, 1, clock=TickingClock)
ASK_PUT_AND_DIE = hand_over(1, 1, 0, updates=FailingQueue, dies=True)
TWO_PUT_AND_STOP = hand_over(0, 2, 1, clock=TickingClock, stops_last=True)
TWO_NOTIFY_AND_STOP = hand_over(
    0, 2, 1, clock=TickingClock, stops_last=True, notifier=SteppedNotifier
)
ASK_PUT_AND_STOP = hand_over(1, 1, 1, witnessed=True)
START_AND_STOP = hand_over(0, 0, 1, is_running=False)
START_NOTIFY_AND_STOP = hand_over(
    0, 1, 1, is_running=False, notifier=SteppedNotifier, witnessed=True
)
ASK_NOTIFY_AND_STOP = hand_over(1, 1, 1, notifier=SteppedNotifier)
