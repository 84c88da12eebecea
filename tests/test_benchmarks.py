"""The benchmarks' measurements and output; speed is not judged here."""

from __future__ import annotations

import json
import math
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import floors, idle, questions
from benchmarks.__main__ import as_json
from benchmarks.measure import (
    BYTES,
    PER_SECOND,
    SECONDS,
    Curve,
    Point,
    Spread,
    curve,
    figure,
    latencies,
    percentile,
    take_turns,
    timed,
)
from benchmarks.sizes import Sizes
from benchmarks.table import curve_line, figure_line, humane

from .support.paths import ROOT

FIGURES = [
    "event through a notifier beside queue.Queue hop",
    "event through a plain queue.Queue beside queue.Queue hop",
    "replay, lines beside json.loads a line",
    "replay, with a database beside without a database",
    "question beside SimpleQueue round trip",
    "question beside SimpleQueue round trip",
    *[f"question, p{each} beside SimpleQueue round trip" for each in ("50", "99", "99.9")],
    *[f"question, p{each} beside turn in one bare queue for all" for each in ("50", "99", "99.9")],
    *["list_channels beside round trip with a list of tuples"] * 3,
    "list_channels beside 5 channels",
    "scrape, 200 half requests beside scrape alone",
    *[f"question, p{each}, while scraped beside question alone" for each in ("50", "99")],
    "start beside 100 channels",
    "start beside 1,000 dict entries",
    "stop beside end of a bare thread",
    "import chanfitness beside python -c pass",
    "bytes a channel beside dict entry",
    "bytes a peer beside dict entry",
    "bytes an event beside kept in a list",
    "bytes a kept change beside bare arrays",
    "window question beside SimpleQueue round trip",
    "window question beside 100 changes kept",
    "event, with history beside without history",
    "event, with a database beside without a database",
    "start from a database beside SELECT of all",
    "last flush beside bare transaction",
]
CURVES = [
    "event against channels",
    "question against channels",
    "list_channels against channels",
    "start against channels",
    "stop against channels",
    "event against peers",
    "question against peers",
    "list_peers against peers",
    "event against events",
    "question against events",
    "replay against events",
    "event against producers",
    "question against callers",
    "question, full load against producers",
    "window question against kept changes",
    "whole history against kept changes",
    "start from a database against kept changes",
    "last flush against peers",
    "memory against channels",
    "memory against peers",
    "memory against kept changes",
    "all memory against events",
]


PROFILED = {
    "200 events: put": "(notify_peer_online)",
    "200 events: handled": "(_peer_online)",
    "200 questions: put": "(get_chan_info)",
    "200 questions: handled": "(_answer)",
    "list_channels of 1,000: put": "(list_channels)",
    "list_channels of 1,000: handled": "(info)",
    "start with 1,000 channels": "ledger.py",
    "start from a database of 100 channels and 10,000 changes": "'execute' of 'sqlite3",
}


def spreads(*measured: dict[str, float]) -> list[float]:
    """Return all numbers of the spreads, and check that each median is between its quartiles."""
    for each in measured:
        assert list(each) == ["low", "median", "high"]
        assert each["low"] <= each["median"] <= each["high"]
    return [number for each in measured for number in each.values()]


def test_a_quick_run_prints_all_figures_and_curves_as_json() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        timeout=300,
    )
    assert run.stderr == b""
    result: dict[str, Any] = json.loads(run.stdout)

    numbers: list[float] = [result["seconds"], result["load"], result["cores"]]
    for each in result["figures"]:
        assert each["unit"] in (SECONDS, BYTES, PER_SECOND)
        numbers += spreads(each["cost"], each["floor"], each["ratio"])
    for each in result["curves"]:
        assert each["unit"] in (SECONDS, BYTES)
        assert len(each["points"]) >= 2
        sizes = [point["size"] for point in each["points"]]
        assert sizes == sorted(set(sizes))
        assert each["fitted_from"] in sizes[:-1]
        numbers += [each["exponent"], *spreads(*[point["cost"] for point in each["points"]])]
    assert result["quick"]
    assert all(math.isfinite(number) for number in numbers)
    assert [f"{each['name']} beside {each['floor_name']}" for each in result["figures"]] == FIGURES
    assert [f"{each['name']} against {each['against']}" for each in result["curves"]] == CURVES


@pytest.mark.skipif(sys.platform != "linux", reason="the figures are those of Linux")
def test_an_idle_watch_is_measured() -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.idle", "--json", "--only=--db"),
            *("--settle", "0.1", "--seconds", "0.1"),
        ],
        check=True,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
    )
    assert run.stderr == b""
    measured = json.loads(run.stdout)
    assert list(measured) == [*idle.Idle._fields]
    assert measured["name"] == "--db"
    assert measured["resident"] > measured["proportional"] > 0
    assert measured["threads"] > 0


def test_what_is_idle_is_counted_between_two_samples() -> None:
    first = idle.Sample(10.0, 1, 2, 3, 100, 1.0, 1000, 500)
    last = idle.Sample(20.0, 40_000_000, 20_000_000, 6, 130, 1.5, 3000, 500)
    expected = idle.Idle("alone", 40_000_000, 20_000_000, 6, 3.0, 0.05, 720_000, 0)
    assert idle.between("alone", first, last) == expected
    line = " ".join(idle.line(expected).split())
    assert line == "alone 40.0 MB 20.0 MB 6 3.00 /s 5.00% 0.72 MB/h 0.00 MB/h"


@pytest.mark.parametrize(
    "some_threads",
    [
        partial(floors.answering, floors.nothing),
        partial(floors.consuming, 1),
        partial(questions.producing, queue.Queue(), 2),
    ],
)
def test_threads_end_although_the_body_is_interrupted(
    some_threads: Callable[[], AbstractContextManager[object]],
) -> None:
    before = threading.active_count()

    def interrupted() -> None:
        with some_threads():
            assert threading.active_count() > before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert threading.active_count() == before


def test_a_profile_covers_the_caller_and_the_loop() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--profile"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=300,
    )
    assert run.stderr == ""
    shown = dict(each.split("\n", maxsplit=1) for each in run.stdout.split("== ")[1:])

    assert list(shown) == list(PROFILED)
    for title, function in PROFILED.items():
        assert function in shown[title]


def powers(exponent: float, fixed: float = 0) -> Curve:
    """Return a curve of costs that grow with this exponent, without noise."""
    sizes = (1, 10, 100, 1000)
    return curve("cost", "size", sizes, [[fixed + size**exponent] * 3 for size in sizes])


@pytest.mark.parametrize("exponent", [-0.5, 0, 1, 2])
def test_the_exponent_of_a_power_is_found(exponent: float) -> None:
    assert powers(exponent).exponent == pytest.approx(exponent)


def test_the_exponent_is_fitted_to_the_last_points() -> None:
    costs = [[100.0] * 2, [100.0] * 2, [1000.0] * 2]

    grown = curve("cost", "size", (1, 10, 100), costs, fitted=2)

    assert grown.exponent == pytest.approx(1)
    assert (grown.fitted_from, len(grown.points)) == (10, 3)


def test_the_ratio_is_computed_in_each_round() -> None:
    measured = figure("cost", "of one", [2.0, 20.0, 200.0], "floor", [1.0, 10.0, 100.0])

    assert measured.cost == Spread(11, 20, 110)
    assert measured.floor == Spread(5.5, 10, 55)
    assert measured.ratio == Spread(2, 2, 2)


def test_a_rate_is_the_inverse_of_a_cost() -> None:
    measured = figure("rate", "of one", [0.5, 0.5], "floor", [0.25, 0.25], unit=PER_SECOND)

    assert (measured.cost.median, measured.floor.median, measured.ratio.median) == (2, 4, 2)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.9, 100)]
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    percent: float, expected: float
) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_compared_functions_take_turns() -> None:
    turns: list[str] = []

    def work(name: str) -> int:
        turns.append(name)
        return len(turns)

    returned = take_turns(2, [lambda: work("floor"), lambda: work("subject")])

    assert turns == ["floor", "subject", "floor", "subject"]
    assert returned == [[1, 3], [2, 4]]


def test_times_are_per_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([0.0, 6.0, 10.0, 12.0, 20.0, 21.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(readings))

    assert timed(3, lambda: None) == 2
    assert latencies(2, lambda: None) == [1, 2]


def test_quick_is_a_hundredth_in_two_rounds_at_two_sizes() -> None:
    quick, whole = Sizes(quick=True), Sizes(quick=False)

    assert (quick.of(1000), quick.of(10), quick.rounds(40)) == (10, 1, 2)
    assert (whole.of(1000), whole.of(10), whole.rounds(40)) == (1000, 10, 40)
    assert (quick.along((1, 2, 3)), whole.along((1, 2, 3))) == ((1, 2), (1, 2, 3))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5, SECONDS, "2.50 s"),
        (0.0025, SECONDS, "2.50 ms"),
        (2.5e-6, SECONDS, "2.50 us"),
        (2.5e-8, SECONDS, "25 ns"),
        (12.25, BYTES, "12.2 B"),
        (2500, BYTES, "2.5 kB"),
        (2.5e6, BYTES, "2.5 MB"),
        (100_000, PER_SECOND, "100,000 /s"),
    ],
)
def test_a_number_is_printed_in_a_fitting_unit(value: float, unit: str, text: str) -> None:
    assert humane(value, unit) == text


def test_a_line_of_the_table_shows_median_and_spread_and_floor() -> None:
    measured = figure("cost", "of one", [2e-3, 3e-3, 4e-3], "floor", [1e-3, 1e-3, 1e-3])

    line = " ".join(figure_line(measured).split())
    assert line == "cost of one 3.00 ms ±17% floor 1.00 ms ±0% 3.00 2.50 to 3.50"


def test_a_median_of_zero_has_no_spread_in_percent() -> None:
    measured = figure("bytes", "of one", [0, 0], "floor", [1, 1], unit=BYTES)

    line = " ".join(figure_line(measured).split())
    assert line.startswith("bytes of one 0.0 B floor 1.0 B")


def test_a_line_of_the_curves_shows_the_exponent_and_the_medians() -> None:
    assert curve_line(powers(1)).split(maxsplit=3) == [
        "cost",
        "size",
        "1.00",
        "1 to 1,000         1: 1.00 s, 10: 10.00 s, 100: 100.00 s, 1,000: 1000.00 s",
    ]


def test_json_has_an_object_for_each_named_tuple() -> None:
    point = Point(1, Spread(1, 2, 3))

    assert as_json([point, "text"]) == [
        {"size": 1, "cost": {"low": 1, "median": 2, "high": 3}},
        "text",
    ]


def test_the_picture_depends_on_the_curves_alone(
    tmp_path: Path,
) -> None:
    plot = pytest.importorskip("benchmarks.plot", exc_type=ModuleNotFoundError)
    curves = [
        powers(0),
        powers(1)._replace(against="producers"),
        powers(1)._replace(unit=BYTES),
    ]

    pictures = []
    for name in ("one.svg", "another.svg"):
        plot.draw(curves, tmp_path / name)
        pictures.append((tmp_path / name).read_text())

    assert pictures[0] == pictures[1]
    assert "cost: 0.00" in pictures[0]
    assert "cost, producers: 1.00" in pictures[0]
    assert "dc:date" not in pictures[0]
    assert str(tmp_path) not in pictures[0]
