"""The explorer finds planted bugs: Go's own, and others, each an edit of the source."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from chanfitness import ChannelEventStore
from chanfitness.core.loop import Loop, Question
from chanfitness.core.selector import Selector, _Source
from chanfitness.core.session import Session
from chanfitness.core.watchable_queue import WatchableQueue
from chanfitness.subscribe import Server

from .cases import (
    ASK_AND_STOP,
    ASK_AND_TWO_STOPS,
    ASK_NOTIFY_AND_STOP,
    ASK_PUT_AND_DIE,
    ASK_PUT_AND_STOP,
    START_AND_STOP,
    TWO_ASK_AND_STOP_TICKING,
    TWO_NOTIFY_AND_STOP,
    TWO_PUT_AND_STOP,
)
from .planted_bugs import BugPlanter, Edits, found
from .schedules import Case
from .stepped import Event, SteppedSession, stepped
from .stepping import CHANGE, LOOK, here


@pytest.fixture(autouse=True)
def all_stepped() -> Iterator[None]:
    with stepped():
        yield


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> BugPlanter:
    return BugPlanter(monkeypatch)


# Go's bug


class Channel:
    """A Go channel without a buffer: a put waits until its item is taken."""

    def __init__(self) -> None:
        self.name = here().new_name("channel")
        self._offers: list[Any] = []

    def put(self, item: Any) -> None:
        here().step(f"offers in {self.name}", ((self.name, CHANGE),))
        self._offers.append(item)
        here().step(f"is rid of it in {self.name}", ((self.name, LOOK),), lambda: not self._offers)

    def take_unless(self, leave: Event) -> Any:
        """As Go's ``select`` of the two: ``queue.Empty`` when ``leave`` is set."""
        touches = (self.name, CHANGE), (leave.name, LOOK)
        here().step(
            f"takes from {self.name}, or leaves",
            touches,
            lambda: bool(self._offers) or leave.was_set,
        )
        if leave.was_set:
            raise queue.Empty
        return self._offers.pop()


def test_the_hang_of_go_s_stop_is_found(plant: BugPlanter) -> None:
    """The loop hands its answer to a caller who has left on quit, and waits for ever."""
    plant(Question, "__init__", {"queue.SimpleQueue()": "Channel()"}, Channel=Channel)
    plant(
        Session,
        "ask",
        {
            "        if self.quit.is_set():\n"
            "            result, error = question.response.get_nowait()\n"
            "        else:\n"
            "            result, error = question.response.get(timeout=timeout)\n": (
                "        result, error = question.response.take_unless(self.quit)\n"
            )
        },
    )
    plant(
        ChannelEventStore,
        "stop",
        {
            "        session.selector.end()\n": (
                "        session.quit.set()\n        session.selector.end()\n"
            )
        },
    )
    plant(ChannelEventStore, "_run", {"in [*left, *selector.close()]": "in []"})

    wrong = found(ASK_AND_STOP)

    assert "loop never is rid of it" in wrong
    assert "stop 1 never has joined" in wrong
    assert "caller 1" not in wrong


# Others


class Bug(NamedTuple):
    """Edits of the method ``name``, and the error ``wrong`` under some schedule."""

    owner: type
    name: str
    edits: Edits
    case: Case
    wrong: str


BUGS = {
    "quit is set when what is left was refused": Bug(
        ChannelEventStore,
        "_run",
        {
            "        session.quit.set()\n": "",
            "        if fault is not None:\n": (
                "        session.quit.set()\n        if fault is not None:\n"
            ),
        },
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "what is left is not refused": Bug(
        ChannelEventStore,
        "_run",
        {"in [*left, *selector.close()]": "in []"},
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "what is left of a batch is not refused": Bug(
        ChannelEventStore,
        "_run",
        {"in [*left, *selector.close()]": "in selector.close()"},
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "what was posted after the end is forgotten": Bug(
        Selector,
        "_resolve",
        {
            "self._entries = [] if end is None else self._entries[end:]": "self._entries = []",
            "self._entries[0][1]": "None",
        },
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "a caller looks at quit before it posts": Bug(
        Session,
        "ask",
        {
            "    self.selector.post(question)\n": (
                "    over = self.quit.is_set()\n    self.selector.post(question)\n"
            ),
            "if self.quit.is_set():\n            result": "if over:\n            result",
        },
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "a caller does not look at quit": Bug(
        Session,
        "ask",
        {"if self.quit.is_set():\n            result": "if False:\n            result"},
        ASK_AND_STOP,
        "caller 1 never takes",
    ),
    "the end is put before it is said that one is coming": Bug(
        Selector,
        "end",
        {
            "    self._ending = True\n": "",
            "self.note((_END, moment, None))": (
                "self.note((_END, moment, None))\n    self._ending = True"
            ),
        },
        ASK_AND_STOP,
        "loop never takes",
    ),
    "stop() does not wait": Bug(
        ChannelEventStore,
        "stop",
        {"session.join()": "pass"},
        ASK_AND_STOP,
        "the loop goes on after stop()",
    ),
    "two at once join the thread": Bug(
        Session,
        "join",
        {"with self._joining": "if True", "if self._is_joining": "if False"},
        ASK_AND_TWO_STOPS,
        "of two at once may raise",
    ),
    "start() does not see that it was stopped": Bug(
        ChannelEventStore,
        "start",
        {
            "            if self._state is _STOPPED:\n                why": (
                "            if False:\n                why"
            )
        },
        START_AND_STOP,
        "NotStartedError",
    ),
    "a start that failed is undone by its loop as well": Bug(
        SteppedSession,
        "claim",
        {"return super().claim()": "return self.undo"},
        START_AND_STOP,
        "loop never takes",
    ),
    "the time is that of the answer": Bug(
        Loop,
        "_answer",
        {"self._advance(moment)": "self._advance(self._selector.read())"},
        ASK_PUT_AND_STOP,
        "caller 1 is told",
    ),
    "a put is noted when it is over, without the mutex": Bug(
        _Source,
        "hook",
        {
            "self.queue._put = self._put": (
                "self.queue.put = lambda item: ("
                "type(self.queue).put(self.queue, item), self._note((_NEXT, self._read(), self)))"
            )
        },
        ASK_PUT_AND_STOP,
        "is handled too early",
    ),
    "a watcher is looked for before the mutex is held": Bug(
        Server,
        "send_update",
        {
            "    with self._lock:\n": (
                "    watchers = [each.watcher for each in self._queues]\n    with self._lock:\n"
            ),
            "if updates.accept(update)": (
                "if not watchers or watchers[0] is None: updates._keep(update)\n"
                "                elif watchers[0].note((update, watchers[0].read(), updates))"
            ),
        },
        ASK_NOTIFY_AND_STOP,
        "begins otherwise",
    ),
    "the clock is read before the mutex is held": Bug(
        Server,
        "send_update",
        {
            "    with self._lock:\n": (
                "    now = self._queues[0].watcher.read()\n    with self._lock:\n"
            ),
            "if updates.accept(update)": "if updates.watcher.note((update, now, updates))",
        },
        TWO_NOTIFY_AND_STOP,
        "an event is given an earlier time",
    ),
    "what was not handled is not given back": Bug(
        WatchableQueue,
        "give_back",
        {"for item in items": "for item in []"},
        ASK_NOTIFY_AND_STOP,
        "begins otherwise",
    ),
    "an event has the moment of the put before it": Bug(
        _Source,
        "_put",
        {
            "    self._note((_NEXT, self._read(), self))\n": (
                "    before, self.now = vars(self).get('now'), self._read()\n"
                "    self._note((_NEXT, before or self.now, self))\n"
            )
        },
        TWO_PUT_AND_STOP,
        "producer 2 puts at",
    ),
    "every question has the moment of the first one": Bug(
        Selector,
        "post",
        {"self.read()": "vars(self).setdefault('first', self.read())"},
        TWO_ASK_AND_STOP_TICKING,
        " puts at ",
    ),
    "a dying loop sets quit before it says that it has stopped": Bug(
        ChannelEventStore,
        "_run",
        {
            "        session.quit.set()\n": "",
            "        left = selector.close()\n": (
                "        left = selector.close()\n        session.quit.set()\n"
            ),
        },
        ASK_PUT_AND_DIE,
        "is told <class 'chanfitness.errors.NotStartedError'>",
    ),
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_the_bug_is_found(plant: BugPlanter, bug: Bug) -> None:
    plant(bug.owner, bug.name, bug.edits)

    assert bug.wrong in found(bug.case)


def test_items_are_taken_without_the_mutex(plant: BugPlanter) -> None:
    plant(Selector, "_hold", {"            source.queue.mutex.acquire()\n": ""})
    plant(Selector, "_resolve", {"source.queue.mutex.release()": "pass"})

    assert "is left, not []" in found(ASK_PUT_AND_STOP)
