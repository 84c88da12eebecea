"""Parties: threads that run one at a time, and change turns only between steps.

A *party* is a real thread that runs only while it has the baton. It passes the baton on before
each *step*, an operation on an object that parties share (a lock, a queue, a bare attribute).
Between two steps a party affects no other, so a schedule is the order of the steps.

No time is involved. If no party can go on and one has not ended, that is a deadlock.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from ..support.stores import WAIT
from .threads import Threads, Worker

LOOK, CHANGE, ENABLE = "looks", "changes", "enables"
"""How a step touches an object. The order of two steps that touch the same object matters,
unless both look. To enable is to change the object for steps that had to wait for it."""

Touches = tuple[tuple[Hashable, str], ...]
"""Pairs of a touched object and how it is touched."""


class Attributes(NamedTuple):
    """Bare attributes, and which of them are known to matter."""

    set_by_parties: frozenset[str] = frozenset()
    """By name."""
    shared: frozenset[tuple[str, str]] = frozenset()
    """(class, name) of those that another party touches too. To touch them is a step."""


NOTHING_KNOWN = Attributes()


class Step(NamedTuple):
    """The next action of a party. ``ready``: whether it can be taken; None: always."""

    what: str
    touches: Callable[[], Touches] | Touches
    ready: Callable[[], object] | None = None

    def touches_now(self) -> Touches:
        """Return the touches of the step, if it is taken now."""
        return self.touches if isinstance(self.touches, tuple) else self.touches()


class AbandonedError(BaseException):
    """Ends the threads of a run that cannot end by itself."""


class Party:
    """A thread that runs while it has the baton.

    ``twin``: an equal party whose first change must come before this one's. Of two runs that
    differ only in which twin is which, one is enough.
    """

    def __init__(
        self, number: int, name: str, worker: Worker, parent: int, twin: Party | None
    ) -> None:
        self.number = number
        self.name = name
        self.worker = worker
        self.parent = parent  # the step that made it, or -1
        self.twin = twin
        self.first_change: int | None = None  # the index of that step
        self.pending = Step("begins", ())
        self.ended = False
        self.error: BaseException | None = None

    def __repr__(self) -> str:
        return f"{self.name}, who {self.pending.what},"

    def is_ready(self) -> bool:
        if self.ended or (self.pending.ready is not None and not self.pending.ready()):
            return False
        return self.twin is None or self.twin.first_change is not None or not self.changes_first()

    def changes_first(self) -> bool:
        """Return whether its next step is its first that is more than a look."""
        return self.first_change is None and any(
            how is not LOOK for _, how in self.pending.touches_now()
        )


class Run:
    """One run of a case under one schedule.

    Its maker adds parties and lets them go; the parties call the rest.
    """

    def __init__(
        self, attributes: Attributes, threads: Threads, log: list[str] | None = None
    ) -> None:
        self.attributes = attributes
        self._threads = threads
        self.parties: list[Party] = []
        self.current: Party | None = None  # None: the maker of the run
        self.choose: Callable[[Run], Party | None] = first_ready
        self.fault: Exception | None = None  # raised by choose()
        self.steps = 0
        self.log = log
        self._set: set[tuple[str, str]] = set()
        self._touched_by: dict[tuple[str, str], set[int]] = {}
        self._numbers: dict[int, int] = {}
        self._named = 0
        self._over = False
        self._baton = _thread.allocate_lock()
        self._baton.acquire()

    def party(self, name: str, function: Callable[[], object], twin: Party | None = None) -> Party:
        """Add a party, which begins when it is chosen."""
        worker = self._threads.borrow()
        party = Party(len(self.parties), name, worker, self.steps - 1, twin)
        worker.task = partial(self._run, party, function)
        self.parties.append(party)
        return party

    def go(self) -> None:
        """Let the parties run until none can."""
        self._pass_on()
        self._wait_for_parties()

    def settle(self) -> None:
        """Let the parties run until none can, in any order, before the schedule begins."""
        self.go()
        self.steps = 0
        self._set.clear()
        self._touched_by.clear()

    def stuck(self) -> list[Party]:
        return [party for party in self.parties if not party.ended]

    def abandon(self) -> None:
        """End the threads of the parties that cannot go on."""
        self._over = True
        for party in self.stuck():
            self.current = party
            party.worker.baton.release()
            self._wait_for_parties()
        self.current = None

    def found(self) -> Attributes:
        """Return the present knowledge of the attributes."""
        names, shared = self.attributes
        return Attributes(
            names | {name for _, name in self._set},
            shared | {each for each in self._set if len(self._touched_by[each]) > 1},
        )

    def new_name(self, kind: str) -> str:
        """Return a name that is the same in each run with the same steps so far."""
        self._named += 1
        return f"{kind} {self._named}"

    def step(
        self,
        what: str,
        touches: Callable[[], Touches] | Touches,
        ready: Callable[[], object] | None = None,
    ) -> None:
        """Wait for the party's turn to do ``what``."""
        me = self.current
        if me is None:
            assert ready is None or ready(), f"nobody could ever end this wait: {what}"
        elif self._over:
            raise AbandonedError
        else:
            me.pending = Step(what, touches, ready)
            if self._pass_on() is not me:
                me.worker.baton.acquire()
                if self._over:
                    raise AbandonedError

    def look_at(self, thing: object, name: str) -> None:
        """Look a bare attribute up, which is a step if parties share it."""
        if self.current is not None and self._is_shared(thing, name):
            self.step(f"looks at {type(thing).__name__}.{name}", ((self._key(thing, name), LOOK),))

    def set(self, thing: object, name: str, is_new: Callable[[], bool]) -> None:
        """Set a bare attribute, to another value or to the same."""
        if self.current is None:
            return
        self._set.add((type(thing).__name__, name))
        if self._is_shared(thing, name):
            key = self._key(thing, name)
            self.step(
                f"sets {type(thing).__name__}.{name}",
                lambda: ((key, CHANGE if is_new() else LOOK),),
            )

    def _is_shared(self, thing: object, name: str) -> bool:
        assert self.current is not None
        attribute = type(thing).__name__, name
        self._touched_by.setdefault(attribute, set()).add(self.current.number)
        return attribute in self.attributes.shared

    def _key(self, thing: object, name: str) -> tuple[int, str]:
        """Return a key that is the same in each run with the same steps so far."""
        return self._numbers.setdefault(id(thing), len(self._numbers)), name

    def _pass_on(self) -> Party | None:
        party = None
        try:
            party = self.choose(self)
        except Exception as error:
            self.fault = error
        if party is not None:
            if party.changes_first():
                party.first_change = self.steps
            self.steps += 1
            if self.log is not None:
                self.log.append(f"{party.name} {party.pending.what}")
        if party is not self.current:
            self.current = party
            (self._baton if party is None else party.worker.baton).release()
        return party

    def _wait_for_parties(self) -> None:
        assert self._baton.acquire(timeout=WAIT), f"{self.current} waits, but not in a step"

    def _run(self, party: Party, function: Callable[[], object]) -> None:
        try:
            if not self._over:
                function()
            self.step("ends", ((("end", party.number), ENABLE),))
        except AbandonedError:
            pass
        except BaseException as error:
            party.error = error
        party.ended = True
        self._threads.give_back(party.worker)
        if self._over:
            self._baton.release()
        else:
            self._pass_on()


def first_ready(run: Run) -> Party | None:
    """Return the party with the baton, if it is ready; otherwise the first that is."""
    if run.current is not None and run.current.is_ready():
        return run.current
    return next((party for party in run.parties if party.is_ready()), None)


_runs = [Run(NOTHING_KNOWN, Threads())]  # the first stands for "outside of all runs"


def here() -> Run:
    """Return the current run; outside of all runs nothing is a step."""
    return _runs[-1]


@contextmanager
def at_hand(run: Run) -> Iterator[None]:
    _runs.append(run)
    try:
        yield
    finally:
        _runs.pop()
