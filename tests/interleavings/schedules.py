"""The explorer: runs a case in every order of steps that matters, and replays one.

Two schedules are equivalent if swaps of neighbouring steps without conflict turn one into the
other: such a swap changes nothing, so one schedule of each kind is enough. :func:`explore`
runs exactly these, by dynamic partial-order reduction with source sets and sleep sets (after
Abdulla, Aronis, Jonsson and Sagonas, 2014). It runs a schedule; for each two of its steps that
conflict and could come the other way round, it runs one in which they do; and so on, until
none is left. The number of switches between parties is not bounded.
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
"""The most parties of a case."""

Case = Callable[[Run], Callable[[], object]]
"""Makes the parties of a run, and returns the check for the time after they have ended."""


class Schedule(NamedTuple):
    """The party of each step."""

    parties: tuple[int, ...]
    attributes: Attributes = NOTHING_KNOWN


class ScheduleError(AssertionError):
    """An error under ``schedule``, which replays it; ``wrong``: the error, ``log``: the steps."""

    def __init__(self, wrong: str, schedule: Schedule, log: list[str]) -> None:
        super().__init__("\n".join([wrong, *log, repr(schedule)]))
        self.wrong = wrong
        self.schedule = schedule
        self.log = log


@dataclass
class Found:
    """The result of an exploration."""

    schedules: int = 0
    """The number of schedules that differ."""
    doubles: int = 0
    """The number of schedules that were abandoned as equivalent to others."""
    steps: int = 0
    """The number of steps of the longest schedule."""
    attributes: Attributes = NOTHING_KNOWN


def explore(case: Case, reduce: bool = True) -> Found:
    """Run ``case`` under every schedule that differs; raise ``ScheduleError`` if one fails.

    Without ``reduce``, run every schedule.
    """
    with Threads() as threads:
        return _Explorer(case, reduce, threads).explore()


def replay(case: Case, schedule: Schedule) -> list[str]:
    """Run ``case`` under one schedule and return its steps; raise ``ScheduleError`` if it fails."""
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
    """Run ``case`` once, and raise its error."""
    with at_hand(run):
        check = case(run)
        if run.log is not None:
            run.log.clear()  # drops the steps of the set-up
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
    """A choice in the current schedule: which party takes a step."""

    __slots__ = ("chosen", "clock", "done", "sleep", "steps", "wanted")

    def __init__(self, steps: dict[int, Touches], sleep: set[int], chosen: int) -> None:
        self.steps = steps  # the next steps of the parties that were ready
        self.chosen = chosen
        self.wanted = {chosen}
        self.done: set[int] = set()
        self.sleep = sleep  # first steps of schedules that were run already in another order
        self.clock: list[int] = []  # for each party, its last step that must precede

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
                self._begin(run.found())  # again, now that these attributes are known to be shared
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
            return first_ready(run)  # to the end, since no thread can be killed
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
        """Return the parties whose next step leads to schedules that were run already."""
        if not self._path or not self._reduce:
            return set()
        node = self._path[-1]
        return {
            number
            for number in node.sleep | node.done
            if not _conflict(node.steps[number], node.touches)
        }

    def _go_back(self) -> bool:
        """Go back to the latest choice with another wanted party; return False if there is none."""
        while self._path:
            node = self._path[-1]
            self._forget(node)
            node.done.add(node.chosen)
            if others := node.wanted - node.done - node.sleep:
                node.chosen = min(others)
                return True
            self._path.pop()
        return False

    # Search for more schedules.

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
                    break  # it follows all earlier steps
        return after

    def _find_races(self, party: Party, at: int, touches: Touches) -> list[int]:
        """Want schedules in which a step comes before each step that it conflicts with.

        The step is the ``party``'s, at the index ``at``. Return its clock without these steps.
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
        """Return the later steps that do not depend on the step at ``index``."""
        chosen = self._path[index].chosen
        steps = [(at, self._path[at]) for at in range(index + 1, end)]
        return [(at, node.chosen, node.clock) for at, node in steps if node.clock[chosen] < index]

    def _want(self, index: int, steps: list[tuple[int, int, list[int]]]) -> None:
        """Want, at ``index``, a choice with which ``steps`` (index, party, clock) may begin."""
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
