"""The explorer itself: it runs each schedule that differs, and finds errors."""

from __future__ import annotations

import queue
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from itertools import count
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..support.lengths import length
from .schedules import Case, Found, ScheduleError, explore, replay
from .stepped import Condition, Lock, SimpleQueue, Stepped, stepped
from .stepping import CHANGE, LOOK, Run, Touches, here


def case_of(*functions: Callable[[], object]) -> Case:
    """Return a case with a party for each function."""

    def case(run: Run) -> Callable[[], object]:
        for function in functions:
            run.party(f"party {len(run.parties)}", function)
        return lambda: None

    return case


def touch(thing: str, how: str) -> None:
    here().step(f"{how} {thing}", ((thing, how),))


# The number of schedules


def test_conflicting_steps_are_run_in_each_order() -> None:
    parties = [partial(touch, "x", CHANGE)] * 3

    assert explore(case_of(*parties)).schedules == 6


def test_steps_without_conflict_are_run_in_one_order() -> None:
    parties = [partial(touch, "x", LOOK), partial(touch, "x", LOOK), partial(touch, "y", CHANGE)]

    assert explore(case_of(*parties)).schedules == 1


def test_without_reduction_all_schedules_are_run() -> None:
    """Two parties have three steps each, with beginning and end."""
    parties = [partial(touch, "x", LOOK)] * 2

    assert explore(case_of(*parties), reduce=False).schedules == 20


def test_the_first_twin_always_changes_first() -> None:
    def case(run: Run) -> Callable[[], object]:
        one = run.party("one", partial(touch, "x", CHANGE))
        other = run.party("other", partial(touch, "x", CHANGE), one)
        run.party("third", partial(touch, "x", CHANGE), other)
        return lambda: None

    assert explore(case).schedules == 1


# Random programs. Two schedules are of one kind if all conflicting steps have the same order.

Kind = frozenset[Hashable]


class Program:
    """A case of random parties, which act on a lock, a queue and two variables.

    ``are_twins``: the second party does the same as the first.
    """

    def __init__(self, parties: list[list[str]], are_twins: bool) -> None:
        self._parties = [parties[0], parties[0], *parties[2:]] if are_twins else parties
        self._are_twins = are_twins
        self.kinds: set[Kind] = set()
        self.outcomes: set[str] = set()

    def __call__(self, run: Run) -> Callable[[], object]:
        self._lock, self._queue = Lock(), SimpleQueue()
        self._variables = {"x": 0, "y": 0}
        self._results: list[list[object]] = [[] for _ in self._parties]
        self._steps: list[tuple[int, int, Touches]] = []
        self._kind: list[Hashable] = []
        twin = None
        for number, operations in enumerate(self._parties):
            party = run.party(str(number), partial(self._do, number, operations), twin)
            twin = party if self._are_twins and number == 0 else None
        return self._check

    def _do(self, number: int, operations: list[str]) -> None:
        for operation in operations:
            name, _, variable = operation.partition(" ")
            self._results[number].append(getattr(self, f"_{name}")(variable))

    def _look(self, variable: str) -> int:
        touch(variable, LOOK)
        return self._variables[variable]

    def _change(self, variable: str) -> None:
        touch(variable, CHANGE)
        self._variables[variable] = self._variables[variable] * 10 + get_number()

    def _set(self, variable: str) -> None:
        here().step(f"sets {variable}", partial(self._touches_of_set, variable))
        self._variables[variable] = 7

    def _touches_of_set(self, variable: str) -> Touches:
        return ((variable, LOOK if self._variables[variable] == 7 else CHANGE),)

    def _locked(self, _: str) -> None:
        with self._lock:
            self._variables["z"] = self._variables.get("z", 0) * 10 + get_number()

    def _put(self, _: str) -> None:
        self._queue.put(get_number())

    def _get(self, _: str) -> object:
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    def _is_empty(self, _: str) -> bool:
        return self._queue.empty()

    def _count(self, _: str) -> int:
        return self._queue.qsize()

    def remember(self, number: int, touches: Touches) -> None:
        """Record the step that a party takes."""
        own = sum(each == number for each, _, _ in self._steps)
        before = [(n, i) for n, i, other in self._steps if n != number and conflict(touches, other)]
        self._kind.append((number, own, touches, frozenset(before)))
        self._steps.append((number, own, touches))

    def _check(self) -> None:
        self.kinds.add(frozenset(self._kind))
        self.outcomes.add(f"{self._results} {self._variables}")


def get_number() -> int:
    party = here().current
    assert party is not None
    return party.number + 1


def conflict(one: Touches, other: Touches) -> bool:
    return any(
        thing == thing_2 and not how == how_2 == LOOK
        for thing, how in one
        for thing_2, how_2 in other
    )


def run_program(parties: list[list[str]], are_twins: bool, reduce: bool) -> tuple[Program, Found]:
    program = Program(parties, are_twins)
    step = Run.step

    def remembered_step(run: Run, what: str, touches: Any, ready: Any = None) -> None:
        step(run, what, touches, ready)
        assert run.current is not None
        program.remember(run.current.number, run.current.pending.touches_now())

    with mock.patch.object(Run, "step", remembered_step):
        return program, explore(program, reduce)


operations = st.sampled_from(
    [
        "look x",
        "change x",
        "set x",
        "look y",
        "change y",
        "locked",
        "put",
        "put",
        "get",
        "is_empty",
        "count",
    ]
)


one_step = st.sampled_from(["look x", "change x", "look y", "change y"])
twos = st.lists(st.lists(operations, max_size=3), min_size=2, max_size=2)
threes = st.lists(st.lists(one_step, max_size=2), min_size=3, max_size=3).filter(
    lambda parties: sum(map(len, parties)) <= 4  # more have too many schedules
)


@settings(max_examples=length(15, 1_000))
@given(st.one_of(twos, threes), st.booleans())
@example([["change y", "change y"], ["look y"], ["look y"]], False)
def test_one_schedule_of_each_kind_is_run(parties: list[list[str]], are_twins: bool) -> None:
    every, _ = run_program(parties, are_twins, reduce=False)
    reduced, found = run_program(parties, are_twins, reduce=True)

    assert reduced.kinds == every.kinds
    assert reduced.outcomes == every.outcomes
    assert found.schedules == len(every.kinds)


# Errors


def test_a_deadlock_is_found_and_replayed() -> None:
    def case(run: Run) -> Callable[[], object]:
        locks = Lock(), Lock()

        def acquire(first: Lock, second: Lock) -> None:
            with first, second:
                pass

        run.party("one", partial(acquire, *locks))
        run.party("other", partial(acquire, *reversed(locks)))
        return lambda: None

    with pytest.raises(
        ScheduleError, match=r"one never acquires lock .*, other never acquires lock"
    ) as caught:
        explore(case)
    with pytest.raises(ScheduleError) as again:
        replay(case, caught.value.schedule)

    assert again.value.log == caught.value.log


class Counter(Stepped):
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        self.count += 1


def test_an_update_of_a_bare_attribute_is_lost() -> None:
    """The exploration itself finds out that the attribute is shared."""

    def case(run: Run) -> Callable[[], object]:
        counter = Counter()
        run.party("one", counter.add)
        run.party("other", counter.add)

        def check() -> None:
            assert counter.count == 2, "an update is lost"

        return check

    with pytest.raises(ScheduleError, match="an update is lost"):
        explore(case)


def test_an_assignment_of_the_same_value_is_only_a_look() -> None:
    def case(run: Run) -> Callable[[], object]:
        counter = Counter()
        for name in ("one", "other", "third"):
            run.party(name, partial(setattr, counter, "count", 1))
        return lambda: None

    assert explore(case).schedules == 3


def test_a_notify_wakes_a_waiting_party() -> None:
    def case(run: Run) -> Callable[[], object]:
        condition = Condition(Lock())
        told: list[str] = []

        def wait() -> None:
            with condition:
                while not told:
                    condition.wait()

        def tell() -> None:
            with condition:
                told.append("news")
                condition.notify_all()

        run.party("one", wait)
        run.party("other", wait)
        run.party("teller", tell)
        return lambda: None

    assert explore(case).schedules == 10


def test_a_case_that_does_not_repeat_itself_is_refused() -> None:
    numbers = count()

    def differ() -> None:
        touch(f"x{next(numbers)}", CHANGE)
        touch("y", CHANGE)

    with pytest.raises(AssertionError, match="not the same as before"):
        explore(case_of(differ, differ))


@pytest.fixture(autouse=True)
def all_stepped() -> Iterator[None]:
    with stepped():
        yield
