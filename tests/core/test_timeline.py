"""The timeline: positions, blind time, dates, corrections and suspends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chanfitness import Reading
from chanfitness.clock import Moment
from chanfitness.core.timeline import Anchor, Timeline

from ..support.values import SECOND, START

ZERO, HOUR, DECADES = timedelta(0), 3600 * SECOND, timedelta(days=50 * 365)
STEPS = [3 * SECOND, -3 * SECOND, DECADES, -DECADES]


def s(seconds: float) -> timedelta:
    return seconds * SECOND


def utc(seconds: float) -> datetime:
    return START + s(seconds)


def reading(seen: float, *, wrong: timedelta = ZERO, asleep: timedelta = ZERO) -> Reading:
    """Return the reading after ``seen`` seconds; its date is ``wrong`` by so much."""
    return Reading(utc(seen) + asleep + wrong, s(1000 + seen), asleep)


def position(timeline: Timeline, moment: Moment, at: datetime | None = None) -> timedelta:
    """Return the position to which the timeline advances."""
    return timeline.advance(moment, at)[0]


# Positions


def test_a_timeline_begins_at_zero() -> None:
    timeline = Timeline(START)

    assert position(timeline, START) == ZERO
    assert timeline.instant() == (ZERO, 0)
    assert timeline.anchors() == [(ZERO, START)]


def test_a_position_is_never_before_the_one_before_it() -> None:
    timeline = Timeline(START)

    positions = [position(timeline, utc(each)) for each in (10, 4, 12)]

    assert positions == [s(10), s(10), s(12)]
    assert timeline.latest_date() == utc(12)


@pytest.mark.parametrize(("at", "expected"), [(4, 5), (7, 7), (10, 10), (11, 10)])
def test_the_at_of_an_event_may_only_be_earlier(at: float, expected: float) -> None:
    timeline = Timeline(START)
    timeline.advance(utc(5))

    assert position(timeline, utc(10), utc(at)) == s(expected)
    assert timeline.latest_date() == utc(expected)


# Blind time


def two_segments() -> Timeline:
    """Return a timeline of 10 seconds seen, 20 blind, 30 seen."""
    timeline = Timeline(START)
    timeline.advance(utc(10))
    timeline.pause(timeline.instant())
    timeline.advance(utc(30))
    timeline.resume()
    timeline.advance(utc(60))
    return timeline


def test_while_paused_the_position_stands_still_and_the_date_advances() -> None:
    timeline = Timeline(START)
    timeline.advance(utc(10))
    timeline.pause(timeline.instant())

    assert timeline.paused
    assert position(timeline, utc(30)) == s(10)
    assert timeline.instant() == (s(10), 0)
    assert timeline.date(timeline.instant()) == utc(10)
    assert timeline.latest_date() == utc(30)


def test_a_resume_continues_at_the_same_position() -> None:
    timeline = two_segments()

    assert not timeline.paused
    assert timeline.instant() == (s(40), 1)
    assert timeline.latest_date() == utc(60)
    assert timeline.anchors() == [(ZERO, START), (s(10), utc(30))]


def test_the_age_of_a_position_includes_blind_time() -> None:
    timeline = two_segments()
    end = timeline.latest_date()
    instants = [(s(4), 0), (s(10), 0), (s(10), 1), (s(25), 1)]

    assert [timeline.ago(each, timeline.instant()) for each in instants] == [
        s(56),
        s(50),
        s(30),
        s(15),
    ]
    timeline.pause(timeline.instant())
    assert [timeline.ago(each, timeline.instant()) for each in instants] == [
        end - timeline.date(each) for each in instants
    ]
    timeline.advance(end + HOUR)
    assert timeline.ago((s(25), 1), timeline.instant()) == s(15) + HOUR


def test_one_position_has_two_dates_where_two_segments_meet() -> None:
    timeline = two_segments()

    assert timeline.date((s(10), 0)) == utc(10)
    assert timeline.date((s(10), 1)) == utc(30)
    assert timeline.date((s(4), 0)) == utc(4)
    assert timeline.date((s(40), 1)) == utc(60)


@pytest.mark.parametrize(
    ("date", "position"),
    [(-5, 0), (0, 0), (4, 4), (10, 10), (11, 10), (29, 10), (30, 10), (31, 11), (60, 40), (99, 40)],
)
def test_a_date_in_blind_time_is_the_position_of_the_pause(date: float, position: float) -> None:
    assert two_segments().locate(utc(date)) == s(position)


def test_a_date_after_the_pause_is_the_present_position() -> None:
    timeline = Timeline(START)
    timeline.advance(utc(10))
    timeline.pause(timeline.instant())
    timeline.advance(utc(30))

    assert [timeline.locate(utc(each)) for each in (9, 10, 20, 30)] == [s(9), s(10), s(10), s(10)]


# Earlier segments


def test_a_timeline_continues_after_earlier_segments() -> None:
    timeline = Timeline(utc(100), [Anchor(ZERO, START), Anchor(s(10), utc(50))], s(15))

    assert position(timeline, utc(101)) == s(16)
    assert timeline.instant() == (s(16), 2)
    assert timeline.date((s(10), 0)) == utc(10)
    assert timeline.locate(utc(99)) == s(15)


def test_earlier_segments_that_would_overlap_are_moved_back() -> None:
    timeline = Timeline(utc(5), [Anchor(ZERO, START), Anchor(s(10), utc(7))], s(15))

    assert timeline.anchors() == [(ZERO, utc(-10)), (s(10), START), (s(15), utc(5))]
    assert timeline.date((s(10), 0)) == timeline.date((s(10), 1)) == START


# Corrections


@pytest.mark.parametrize("wrong", STEPS)
def test_a_correction_moves_the_dates_of_the_present_segment_and_no_position(
    wrong: timedelta,
) -> None:
    timeline = Timeline(reading(0))
    timeline.advance(reading(10))

    assert position(timeline, reading(20, wrong=wrong)) == s(20)
    assert timeline.anchors() == [(ZERO, START + wrong)]
    assert timeline.date((s(5), 0)) == utc(5) + wrong
    assert timeline.locate(utc(5) + wrong) == s(5)
    assert timeline.latest_date() == utc(20) + wrong


@pytest.mark.parametrize("wrong", STEPS)
def test_a_correction_while_paused_moves_the_dates_of_the_present_segment(wrong: timedelta) -> None:
    timeline = Timeline(reading(0))
    timeline.advance(reading(10))
    timeline.pause(timeline.instant())

    assert position(timeline, reading(30, wrong=wrong)) == s(10)
    assert timeline.date((s(10), 0)) == utc(10) + wrong
    timeline.resume()
    assert timeline.anchors() == [(ZERO, START + wrong), (s(10), utc(30) + wrong)]


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        (3 * SECOND, ZERO),
        (DECADES, ZERO),
        (-20 * SECOND, ZERO),  # they touch
        (-21 * SECOND, -SECOND),
        (-DECADES, -DECADES + 20 * SECOND),
    ],
)
def test_an_earlier_segment_is_moved_back_only_as_far_as_it_would_overlap(
    wrong: timedelta, first: timedelta
) -> None:
    timeline = Timeline(reading(0))
    timeline.advance(reading(10))
    timeline.pause(timeline.instant())
    timeline.advance(reading(30))
    timeline.resume()

    assert position(timeline, reading(60, wrong=wrong)) == s(40)
    assert timeline.anchors() == [(ZERO, START + first), (s(10), utc(30) + wrong)]
    assert timeline.date((s(10), 0)) == utc(10) + first
    assert timeline.locate(utc(10) + first) == s(10)

    timeline.advance(reading(61))  # corrected again
    assert timeline.anchors() == [(ZERO, START), (s(10), utc(30))]


# Suspends


def test_a_suspend_is_blind_and_begins_a_segment() -> None:
    timeline = Timeline(reading(0))
    timeline.advance(reading(10))

    assert position(timeline, reading(11, asleep=8 * HOUR)) == s(11)
    assert timeline.anchors() == [(ZERO, START), (s(11), utc(11) + 8 * HOUR)]
    assert timeline.locate(START + HOUR) == s(11)
    assert position(timeline, reading(12, asleep=8 * HOUR)) == s(12)
    assert timeline.instant() == (s(12), 1)


def test_the_jitter_of_two_readings_is_no_suspend() -> None:
    timeline = Timeline(reading(0))

    timeline.advance(reading(10, asleep=timedelta(milliseconds=999)))
    assert len(timeline.anchors()) == 1
    timeline.advance(reading(20, asleep=SECOND))
    assert timeline.anchors() == [(ZERO, START), (s(20), utc(21))]


@pytest.mark.parametrize("jitter", [-0.01, -0.000001, 0.000001, 0.5])
def test_the_jitter_of_two_readings_moves_no_date(jitter: float) -> None:
    timeline = Timeline(reading(0))
    now = timeline.advance(Reading(utc(10), s(1010), s(jitter)))

    assert timeline.date(now) == timeline.latest_date() == utc(10)
    assert timeline.locate(utc(10)) == s(10)
    assert timeline.anchors() == [(ZERO, START)]


def test_a_suspend_while_paused_is_part_of_the_pause() -> None:
    timeline = Timeline(reading(0))
    timeline.advance(reading(10))
    timeline.pause(timeline.instant())

    assert position(timeline, reading(12, asleep=8 * HOUR)) == s(10)
    assert timeline.date((s(10), 0)) == utc(10)
    timeline.resume()
    timeline.advance(reading(13, asleep=8 * HOUR))
    assert timeline.anchors() == [(ZERO, START), (s(10), utc(12) + 8 * HOUR)]
    assert timeline.instant() == (s(11), 1)


def test_a_reading_that_arrives_late_after_a_suspend_adds_no_time() -> None:
    timeline = Timeline(reading(0))
    timeline.pause(timeline.instant())
    timeline.advance(reading(12, asleep=2 * HOUR))
    timeline.advance(reading(10, asleep=HOUR))
    timeline.resume()
    timeline.advance(reading(11, asleep=2 * HOUR))
    assert position(timeline, reading(13, asleep=2 * HOUR)) == SECOND
