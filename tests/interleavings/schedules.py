"""Runs a case in every order of steps that makes a difference, and replays one.

Two schedules differ unless one becomes the other by swapping neighbouring steps
that do not conflict: such a swap changes nothing, so of each kind one schedule is
enough. :func:`explore` runs exactly these (by dynamic partial-order reduction with
source sets and sleep sets, after Abdulla, Aronis, Jonsson and Sagonas, 2014): a
schedule is run; wherever two steps of it conflict and could have come the other way
round, one is run in which they do; and so on, until there is nothing left. There is
no bound on how often the parties take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from .stepping import (
    CHANGE,
    ENABLE,
    LOOK,
    NOTHING_KNOWN,
    Attributes,
    Party,
    Run,
    Touches,
    at_hand,
    first_ready,
)
from .threads import Threads

WIDTH = 12
"""Parties at most."""

Case = Callable[[Run], Callable[[], object]]
"""Makes the parties of a run, and returns what checks it when they have ended."""


class Schedule(NamedTuple):
    """Which party took each step."""

    parties: tuple[int, ...]
    attributes: Attributes = NOTHING_KNOWN


class ScheduleError(AssertionError):
    """Under ``schedule``, which replays it, this is ``wrong``; ``log`` has the steps."""

    def __init__(self, wrong: str, schedule: Schedule, log: list[str]) -> None:
        super().__init__("\n".join([wrong, *log, repr(schedule)]))
        self.wrong = wrong
        self.schedule = schedule
        self.log = log


@dataclass
class Found:
    """What an exploration ran."""

    schedules: int = 0
    """That differ."""
    doubles: int = 0
    """That turned out, on their way, not to differ."""
    steps: int = 0
    """Of the longest."""
    attributes: Attributes = NOTHING_KNOWN


def explore(case: Case, reduce: bool = True) -> Found:
    """Run ``case`` under every schedule that differs; ``ScheduleError`` if one is wrong.

    Without ``reduce``, under every schedule.
    """
    with Threads() as threads:
        return _Explorer(case, reduce, threads).explore()


def replay(case: Case, schedule: Schedule) -> list[str]:
    """Run ``case`` under one schedule; its steps. ``ScheduleError`` if something is wrong."""
    log: list[str] = []
    chosen = iter(schedule.parties)

    def choose(run: Run) -> Party | None:
        number = next(chosen, None)
        return first_ready(run) if number is None else run.parties[number]

    with Threads() as threads:
        try:
            run_case(case, Run(schedule.attributes, threads, log), choose)
        except BaseException as error:
            raise ScheduleError(_text(error), schedule, log) from error
    return log


def run_case(case: Case, run: Run, choose: Callable[[Run], Party | None]) -> None:
    """Run ``case`` once, and raise what is wrong."""
    with at_hand(run):
        check = case(run)
        if run.log is not None:
            run.log.clear()  # of what was done before the schedule
        run.choose = choose
        run.go()
        waits = [f"{party.name} never {party.pending.what}" for party in run.stuck()]
        run.abandon()
        for error in (run.fault, *(party.error for party in run.parties)):
            if error is not None:
                raise error
        assert not waits, f"nothing can go on: {', '.join(waits)}"
        check()


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class _Node:
    """A choice in the schedule at hand: which party takes a step."""

    __slots__ = ("chosen", "clock", "done", "sleep", "steps", "wanted")

    def __init__(self, steps: dict[int, Touches], sleep: set[int], chosen: int) -> None:
        self.steps = steps  # what they touch, of the parties that could go on
        self.chosen = chosen
        self.wanted = {chosen}
        self.done: set[int] = set()
        self.sleep = sleep  # what begins with these was run already, in another order
        self.clock: list[int] = []  # for each party, the last of its steps that must precede

    @property
    def touches(self) -> Touches:
        return self.steps[self.chosen]


class _Explorer:
    def __init__(self, case: Case, reduce: bool, threads: Threads) -> None:
        self._case = case
        self._reduce = reduce
        self._threads = threads
        self._begin(NOTHING_KNOWN)

    def _begin(self, attributes: Attributes) -> None:
        self._found = Found(attributes=attributes)
        self._path: list[_Node] = []
        self._touched: dict[Hashable, list[tuple[int, str]]] = {}
        self._steps_of: dict[int, list[int]] = {}

    def explore(self) -> Found:
        while True:
            run = self._run_once()
            if run.found() != run.attributes:
                self._begin(run.found())  # now with the steps that were not known to be some
                continue
            self._count()
            self._analyse(run)
            if not self._go_back():
                return self._found

    def _run_once(self) -> Run:
        run = Run(self._found.attributes, self._threads)
        self._known = len(self._path)
        self._depth = 0
        self._left: dict[int, Touches] = {}
        try:
            run_case(self._case, run, self._choose)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._report(error)
        return run

    def _report(self, error: BaseException) -> NoReturn:
        shared = self._found.attributes.shared
        known = Attributes(frozenset(name for _, name in shared), shared)
        schedule = Schedule(tuple(node.chosen for node in self._path), known)
        replay(self._case, schedule)
        raise AssertionError(f"{_text(error)}\nbut when it is replayed all goes well: {schedule}")

    def _count(self) -> None:
        self._found.steps = max(self._found.steps, len(self._path))
        if self._left:
            self._found.doubles += 1
        else:
            self._found.schedules += 1

    def _choose(self, run: Run) -> Party | None:
        self._depth += 1
        if self._depth <= self._known:
            node = self._path[self._depth - 1]
            party = run.parties[node.chosen]
            assert party.pending.touches_now() == node.touches, "not the same as before"
            return party
        if self._left:
            return first_ready(run)  # to the end, since threads cannot be ended from outside
        return self._choose_anew(run)

    def _choose_anew(self, run: Run) -> Party | None:
        ready = [party for party in run.parties if party.is_ready()]
        if not ready:
            return None
        sleep = self._sleep()
        awake = [party for party in ready if party.number not in sleep]
        if not awake:
            self._left = {party.number: party.pending.touches_now() for party in run.stuck()}
            return first_ready(run)
        party = next((party for party in awake if party is run.current), awake[0])
        steps = {party.number: party.pending.touches_now() for party in ready}
        self._path.append(_Node(steps, sleep, party.number))
        if not self._reduce:
            self._path[-1].wanted |= steps.keys()
        return party

    def _sleep(self) -> set[int]:
        """The parties whose next step leads to what was run already."""
        if not self._path or not self._reduce:
            return set()
        node = self._path[-1]
        return {
            number
            for number in node.sleep | node.done
            if not _conflict(node.steps[number], node.touches)
        }

    def _go_back(self) -> bool:
        """To the latest choice at which another is wanted; False if there is none."""
        while self._path:
            node = self._path[-1]
            self._forget(node)
            node.done.add(node.chosen)
            if others := node.wanted - node.done - node.sleep:
                node.chosen = min(others)
                return True
            self._path.pop()
        return False

    # Which other schedules are wanted.

    def _analyse(self, run: Run) -> None:
        for index in range(max(self._known - 1, 0), len(self._path)):
            node = self._path[index]
            before = self._find_races(run.parties[node.chosen], index, node.touches)
            node.clock = self._clock_after(node.touches, before)
            node.clock[node.chosen] = index
            self._remember(node, index)
        for number, touches in self._left.items():
            self._find_races(run.parties[number], len(self._path), touches)

    def _remember(self, node: _Node, index: int) -> None:
        self._steps_of.setdefault(node.chosen, []).append(index)
        for key, how in node.touches:
            self._touched.setdefault(key, []).append((index, how))

    def _forget(self, node: _Node) -> None:
        self._steps_of[node.chosen].pop()
        for key, _ in node.touches:
            self._touched[key].pop()

    def _clock_before(self, party: Party, index: int) -> list[int]:
        own = self._steps_of.get(party.number)
        last = own[-1] if own else party.parent
        clock = self._path[last].clock if last >= 0 else [-1] * WIDTH
        if party.twin is not None and party.first_change == index:
            assert party.twin.first_change is not None
            clock = _merged(clock, self._path[party.twin.first_change].clock)
        return clock

    def _clock_after(self, touches: Touches, before: list[int]) -> list[int]:
        after = before.copy()
        for key, how in touches:
            for index, how_2 in reversed(self._touched.get(key, ())):
                if not _commute(how, how_2):
                    after = _merged(after, self._path[index].clock)
                if how_2 is not LOOK:
                    break  # it came after all that was before
        return after

    def _find_races(self, party: Party, at: int, touches: Touches) -> list[int]:
        """Want schedules in which a step comes before those that it conflicts with.

        It is the party's, ``at`` this index. Returns its clock without these.
        """
        before = self._clock_before(party, at)
        after = self._clock_after(touches, before)
        for key, how in touches:
            if how is ENABLE:
                continue
            for index, how_2 in reversed(self._touched.get(key, ())):
                chosen = self._path[index].chosen
                if how_2 is ENABLE or _commute(how, how_2) or before[chosen] >= index:
                    continue
                self._want(index, [*self._without(index, at), (at, party.number, after)])
                if how_2 is CHANGE:
                    break
        return before

    def _without(self, index: int, end: int) -> list[tuple[int, int, list[int]]]:
        """What comes between and can do so without the step at ``index``."""
        chosen = self._path[index].chosen
        steps = [(at, self._path[at]) for at in range(index + 1, end)]
        return [(at, node.chosen, node.clock) for at, node in steps if node.clock[chosen] < index]

    def _want(self, index: int, steps: list[tuple[int, int, list[int]]]) -> None:
        """At ``index``, want a choice with which ``steps`` (index, party, clock) may begin."""
        node, first = self._path[index], set()
        for place, (_, party, clock) in enumerate(steps):
            if all(other != party and clock[other] < at for at, other, _ in steps[:place]):
                first.add(party)
        first &= node.steps.keys()
        if not first:
            node.wanted |= node.steps.keys()
        elif not first & node.wanted:
            node.wanted.add(min(first))


def _merged(one: list[int], other: list[int]) -> list[int]:
    return list(map(max, one, other))


def _commute(how: str, how_2: str) -> bool:
    return how is how_2 is LOOK


def _conflict(one: Touches, other: Touches) -> bool:
    return any(
        key == key_2 and not _commute(how, how_2) for key, how in one for key_2, how_2 in other
    )
