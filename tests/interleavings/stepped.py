"""Replacements of locks, events, threads and queues, in which each operation is a step.

:func:`stepped` puts them in place of the standard library's, which are written in C or wait in
C. ``queue.Queue`` stays: it is Python, and made of these.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from chanfitness import ChannelEventStore, PeerNotifier
from chanfitness.core.selector import Selector
from chanfitness.core.session import Session
from chanfitness.core.watchable_queue import WatchableQueue

from ..support.stores import WAIT
from .stepping import CHANGE, ENABLE, LOOK, Party, Touches, here

_NOT_NAMED_AFTER = {__file__, queue.__file__}


def _name(kind: str) -> str:
    """Return a name by the place of creation, the same in each run with the same steps so far."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename in _NOT_NAMED_AFTER and frame.f_back is not None:
        frame = frame.f_back
    place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    return f"{here().new_name(kind)} ({place})"


# Replacements of those of threading, and of queue.SimpleQueue.


class Lock:
    """As ``threading.Lock``."""

    def __init__(self) -> None:
        self.name = _name("lock")
        self.held = False

    def is_free(self) -> bool:
        return not self.held

    def is_owned(self) -> bool:
        return self.held

    def acquire(self) -> bool:
        here().step(f"acquires {self.name}", ((self.name, CHANGE),), self.is_free)
        self.held = True
        return True

    def release(self) -> None:
        here().step(f"releases {self.name}", ((self.name, ENABLE),))
        self.held = False

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class RLock(Lock):
    """As ``threading.RLock``."""

    def __init__(self) -> None:
        super().__init__()
        self._owner: Party | None = None
        self._times = 0

    def is_owned(self) -> bool:
        return self.held and self._owner is here().current

    def acquire(self) -> bool:
        if self.is_owned():
            self._times += 1
            return True
        super().acquire()
        self._owner, self._times = here().current, 1
        return True

    def release(self) -> None:
        self._times -= 1
        if not self._times:
            super().release()


class Condition:
    """As ``threading.Condition``; to touch it is to touch its lock, which is held."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._waiters: deque[list[str]] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self) -> None:
        lock = self._lock
        news: list[str] = []
        self._waiters.append(news)
        lock.release()
        here().step(
            f"is notified and acquires {lock.name}",
            ((lock.name, CHANGE),),
            lambda: bool(news) and lock.is_free(),
        )
        lock.held = True

    def notify(self, n: int = 1) -> None:
        if not self._lock.is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        for _ in range(min(n, len(self._waiters))):
            self._waiters.popleft().append("notified")

    def notify_all(self) -> None:
        self.notify(len(self._waiters))


class Event:
    """As ``threading.Event``."""

    def __init__(self) -> None:
        self.name = _name("event")
        self.was_set = False

    def is_set(self) -> bool:
        here().step(f"looks at {self.name}", ((self.name, LOOK),))
        return self.was_set

    def wait(self) -> None:
        here().step(f"waits for {self.name}", ((self.name, LOOK),), lambda: self.was_set)

    def set(self) -> None:
        here().step(f"sets {self.name}", lambda: ((self.name, LOOK if self.was_set else CHANGE),))
        self.was_set = True


class Accepted(NamedTuple):
    """An item that a queue accepted, and from which party (None: from the maker of the run)."""

    party: Party | None
    item: Any


class SimpleQueue:
    """As ``queue.SimpleQueue``, with a list of the ``accepted`` items.

    The order of two puts matters, and that of two takes. The order of a put and a take, or of a
    put and an emptiness check, matters only if the latter finds the item: so each item has a place
    of its own.

    A take with a timeout may time out at any moment: when its turn comes, it finds an item or
    gives up. A longer wait is a later turn.
    """

    def __init__(self) -> None:
        self.name = _name("queue")
        self.accepted: list[Accepted] = []
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        here().step(f"puts in {self.name}", self._touches_of_put)
        self.accepted.append(Accepted(here().current, item))
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if block and timeout is None:
            here().step(f"takes from {self.name}", self._touches_of_get, self._items.__len__)
        else:
            here().step(f"takes from {self.name}, or not", self._touches_of_get_nowait)
            if not self._items:
                raise queue.Empty
        return self._items.popleft()

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def empty(self) -> bool:
        here().step(f"looks whether {self.name} is empty", self._touches_of_empty)
        return not self._items

    def qsize(self) -> int:
        here().step(f"counts {self.name}", ((self._takes, LOOK), (self._puts, LOOK)))
        return len(self._items)

    @property
    def _puts(self) -> tuple[str, str]:
        return self.name, "puts"

    @property
    def _takes(self) -> tuple[str, str]:
        return self.name, "takes"

    @property
    def _first_place(self) -> tuple[str, int]:
        return self.name, len(self.accepted) - len(self._items)

    def _touches_of_put(self) -> Touches:
        return (self._puts, CHANGE), ((self.name, len(self.accepted)), CHANGE)

    def _touches_of_get(self) -> Touches:
        return (self._takes, CHANGE), (self._first_place, ENABLE)

    def _touches_of_get_nowait(self) -> Touches:
        return (self._takes, CHANGE), (self._first_place, LOOK)

    def _touches_of_empty(self) -> Touches:
        return (self._takes, LOOK), (self._first_place, LOOK)


class Thread:
    """As ``threading.Thread``; it runs as the party ``loop``."""

    def __init__(
        self, target: Callable[..., object], args: Iterable[object], name: str, daemon: bool
    ) -> None:
        assert daemon
        self._call = lambda: target(*args)
        self.name = _name(name)
        self._party: Party
        self._joined = False

    def start(self) -> None:
        here().step(f"starts {self.name}", ())
        self._party = here().party("loop", self._call)

    def join(self) -> None:
        here().step(f"begins to join {self.name}", ((self.name, CHANGE),))
        assert not self._joined, "Thread.join() of two at once may raise"
        self._joined = True
        touches = (("end", self._party.number), LOOK), (self.name, CHANGE)
        here().step(f"has joined {self.name}", touches, lambda: self._party.ended)
        self._joined = False

    def is_alive(self) -> bool:
        return not self._party.ended


def get_ident() -> int:
    """As ``threading.get_ident``."""
    party = here().current
    return -1 if party is None else party.number


# Bare attributes.


class Stepped:
    """Objects whose attributes, where parties share them, are touched in steps.

    Such a step is a look-up or an assignment of an attribute. A change within its value (a list,
    for example) is no step.
    """

    def __getattribute__(self, name: str) -> Any:
        if name in here().attributes.set_by_parties:
            here().look_at(self, name)
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        here().set(self, name, partial(_is_new, self, name, value))
        super().__setattr__(name, value)


def _is_new(thing: object, name: str, value: object) -> bool:
    """Return whether the assignment of ``value`` makes a difference."""
    known = object.__getattribute__(thing, "__dict__").get(name)
    return known != value or not isinstance(value, bool | int | str)


class SteppedStore(Stepped, ChannelEventStore):
    pass


class SteppedSession(Stepped, Session):
    def claim(self) -> ExitStack | None:
        here().step("claims what is to be undone", (("claim", CHANGE),))
        return super().claim()


class SteppedSelector(Stepped, Selector):
    pass


class SteppedNotifier(Stepped, PeerNotifier):
    pass


class AcceptingDeque(deque[Any]):
    """The container of a ``queue.Queue``, with a list of the ``accepted`` items."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[Accepted] = []
        self.most = 0  # the greatest length

    def append(self, item: Any) -> None:
        here().step("puts in the source", (("source", CHANGE),))
        self.accepted.append(Accepted(here().current, item))
        super().append(item)
        self.most = max(self.most, len(self))


class SteppedQueue(Stepped, queue.Queue[Any]):
    """A queue whose hooks are set and removed in steps, too."""

    queue: AcceptingDeque

    def _init(self, maxsize: int) -> None:
        self.queue = AcceptingDeque()

    def __getattribute__(self, name: str) -> Any:
        if name == "_put":
            here().look_at(self, "hooks")
        elif name == "__dict__":  # vars() looks it up: a hook is removed
            here().set(self, "hooks", self._is_hooked)
        return super().__getattribute__(name)

    def _is_hooked(self) -> bool:
        return "_put" in object.__getattribute__(self, "__dict__")


class SteppedWatchableQueue(Stepped, WatchableQueue):
    queue: AcceptingDeque

    def _init(self, maxsize: int) -> None:
        self.queue = AcceptingDeque()


@contextmanager
def stepped() -> Iterator[None]:
    """Put the replacements in place, inside it and inside a run.

    A thread that an earlier test left behind would meet them, so it must have ended.
    """
    for thread in threading.enumerate():
        if thread.name.startswith("chanfitness"):
            thread.join(WAIT)
            assert not thread.is_alive(), f"{thread} was left behind"
    with ExitStack() as stack:
        for name, stepped_one in {
            "threading.Lock": Lock,
            "threading.RLock": RLock,
            "threading.Condition": Condition,
            "threading.Event": Event,
            "threading.Thread": Thread,
            "threading.get_ident": get_ident,
            "chanfitness.threads.start": Thread.start,
            "chanfitness.threads.Latch": Event,
            "queue.SimpleQueue": SimpleQueue,
            "chanfitness.core.session.Selector": SteppedSelector,
            "chanfitness.store.Session": SteppedSession,
            "chanfitness.subscribe.WatchableQueue": SteppedWatchableQueue,
        }.items():
            stack.enter_context(mock.patch(name, stepped_one))
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable()
        yield
