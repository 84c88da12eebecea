"""Shapes of time spans: position, width, height and merging."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from chanfitness.web.bands import (
    HALF,
    HEIGHT,
    WIDTH,
    Axis,
    Shape,
    Spans,
    Time,
    Times,
    area,
    coverage,
    one_shape,
    shapes,
    sum_seen,
    thinned,
)

from ..support.pages import boxes
from ..support.values import SECOND, START

HOUR = timedelta(hours=1)
AXIS = Axis(START, START + WIDTH * HOUR)  # a pixel is an hour


def time(begin: float, end: float | None) -> Time:
    """A span from one pixel to another."""
    until = WIDTH if end is None else end
    return at(begin), None if end is None else at(end), (until - begin) * HOUR


def at(pixel: float) -> datetime:
    return START + pixel * HOUR


def spans_of(*times: Time) -> Spans:
    return AXIS.spans(Times.before(AXIS.end, times))


def shapes_of(*times: Time, height: float = HEIGHT) -> list[Shape]:
    spans = spans_of(*times)
    return shapes(spans, coverage(spans), height)


def test_a_span_is_drawn_where_it_was() -> None:
    (shape,) = shapes_of(time(100.25, 103.5))
    assert boxes(shape.path) == [(100.2, 103.5, 1)]
    assert shape.seen == 3.25 * HOUR


def test_the_shortest_span_is_one_pixel_wide_and_of_full_height() -> None:
    (shape,) = shapes_of((at(100.5), at(100.5) + SECOND, SECOND))
    assert boxes(shape.path) == [(100, 101, 1)]
    assert shape.seen == SECOND


def test_a_span_shorter_than_a_pixel_begins_where_it_began() -> None:
    (shape,) = shapes_of(time(100.7, 101.2))
    assert boxes(shape.path) == [(100.7, 101.7, 1)]


@pytest.mark.parametrize("begin", [WIDTH - 0.001, WIDTH - 0.5, WIDTH - 1e-14])
def test_a_new_span_is_not_drawn_beyond_now(begin: float) -> None:
    (shape,) = shapes_of(time(begin, None))
    assert boxes(shape.path) == [(WIDTH - 1, WIDTH, 1)]


def test_spans_are_clipped_to_the_start_of_the_axis() -> None:
    (shape,) = shapes_of(time(-5, 2))
    assert boxes(shape.path) == [(0, 2, 1)]


def test_a_span_that_lasts_ends_now() -> None:
    (shape,) = shapes_of(time(700, None))
    assert boxes(shape.path) == [(700, WIDTH, 1)]


def test_spans_a_pixel_apart_are_two_shapes() -> None:
    assert len(shapes_of(time(10.2, 10.4), time(12, 13))) == 2


def test_in_merged_spans_the_height_is_the_share_of_time() -> None:
    (shape,) = shapes_of(time(10.1, 10.3), time(10.5, 10.9), time(11.2, 11.3), time(11.9, 14))
    assert shape.path == "M10 9V4h1V7h1V0h2V9"
    assert shape.seen == 2.8 * HOUR


def test_only_a_pixel_covered_throughout_has_the_full_height() -> None:
    (shape,) = shapes_of(time(10, 10.5), time(10.501, 11))
    assert boxes(shape.path) == [(10, 11, (HEIGHT - 1) / HEIGHT)]


def test_the_smallest_share_of_a_pixel_is_visible() -> None:
    little = 0.0001
    (shape,) = shapes_of(time(10, 10 + little), time(10.5, 10.5 + little))
    assert boxes(shape.path) == [(10, 11, 1 / HEIGHT)]


def test_shapes_of_half_the_height() -> None:
    alone, merged = shapes_of(time(1, 2), time(4, 5), time(5.1, 7), height=HALF)
    assert boxes(alone.path) == [(1, 2, 0.5)]
    assert boxes(merged.path) == [(4, 7, 4 / HEIGHT)]


def test_without_spans_there_are_no_shapes() -> None:
    assert shapes_of() == []
    assert coverage(spans_of()) == [0] * WIDTH


def any_times(seed: int) -> list[Time]:
    """Random spans of all lengths, some very close to each other."""
    rng, edges = Random(seed), []
    pixel = 0.0
    while pixel < WIDTH:
        edges.append(pixel)
        pixel += 10 ** rng.uniform(-4, 1.3)
    return [time(begin, end) for begin, end in zip(edges[1::2], edges[2::2], strict=False)]


@pytest.mark.parametrize("seed", range(20))
def test_shapes_cover_all_spans_exactly_once(seed: int) -> None:
    times = any_times(seed)
    made = shapes_of(*times)
    assert [each for shape in made for each in shape.times] == times
    assert sum_seen(times) == sum((shape.seen for shape in made), timedelta(0))
    drawn = [box for shape in made for box in boxes(shape.path)]
    assert len(drawn) == len(made)
    for (_, end, _), (begin, _, _) in pairwise(drawn):
        assert end <= begin


@pytest.mark.parametrize("seed", range(20))
def test_one_shape_has_the_outline_of_all(seed: int) -> None:
    times = any_times(seed)
    spans = spans_of(*times)
    shape = one_shape(spans, coverage(spans), sum_seen(times))
    assert boxes(shape.path) == [box for each in shapes_of(*times) for box in boxes(each.path)]


@pytest.mark.parametrize("seed", range(20))
def test_the_coverage_adds_up_to_the_covered_time(seed: int) -> None:
    times = any_times(seed)
    covered = coverage(spans_of(*times))
    assert all(0 <= share <= 1 + 1e-9 for share in covered)
    assert sum(covered) == pytest.approx(sum_seen(times) / HOUR)


def test_thinned_time_has_the_height_of_its_counted_share() -> None:
    shape = thinned(AXIS, (at(100), at(190), 10 * HOUR))
    assert boxes(shape.path) == [(100, 190, 1 / HEIGHT)]
    assert shape.seen == 10 * HOUR


def test_thinned_time_without_an_end_lasts_until_now() -> None:
    shape = thinned(AXIS, (at(710), None, 10 * HOUR))
    assert boxes(shape.path) == [(710, WIDTH, 1)]


@pytest.mark.parametrize(
    ("values", "path"),
    [([0, 1, 1, 2], "M0 9h1V4.5h2V0h1V9"), ([2, 2, 0, 0], "M0 9V0h2V9h2V9")],
)
def test_an_area_under_values(values: Sequence[float], path: str) -> None:
    assert area(values, 2) == path
