"""Offline time by hour of the week, compared with a count of every minute."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chanfitness import BlindSpan, ChannelHistory
from chanfitness.core.history_window import Outage
from chanfitness.core.overview import Overview
from chanfitness.core.peerlog import PeerInfo
from chanfitness.reports.by_hour import Hour, Share, Week, week_of
from chanfitness.reports.loading import load_database
from chanfitness.terminal.zones import Zone

from ..support.made_up_peers import (
    DAY,
    HOUR,
    MINUTE,
    MadeUpPeer,
    Span,
    make_database,
    peer_with_habits,
)
from ..support.time_zones import BERLIN, KATHMANDU, LORD_HOWE, MADE_UP, UTC, machine_in
from ..support.values import ALICE, START

ZERO = timedelta(0)
AUTUMN = datetime(2026, 10, 20, 0, 7, tzinfo=timezone.utc)
SPRING = datetime(2026, 3, 20, 13, 0, tzinfo=timezone.utc)
LENGTH = 20 * DAY


def to_the_minute(spans: list[Span]) -> list[Span]:
    return [(begin // MINUTE * MINUTE, (end // MINUTE + 1) * MINUTE) for begin, end in spans]


def every_minute(
    start: datetime, seen: Span, offline: list[Span], blind: list[Span]
) -> dict[tuple[int, int], tuple[int, int]]:
    """The minutes seen and offline in each hour of the week; the system tells each one's hour."""
    sums: Counter[tuple[int, int]] = Counter()
    away: Counter[tuple[int, int]] = Counter()
    for number in range(seen[0] // MINUTE, seen[1] // MINUTE):
        minute = number * MINUTE
        if any(begin <= minute < end for begin, end in blind):
            continue
        local = time.localtime((start + minute).timestamp())
        hour = local.tm_wday, local.tm_hour
        sums[hour] += 1
        away[hour] += any(begin <= minute < end for begin, end in offline)
    return {hour: (sums[hour], away[hour]) for hour in sums}


def minutes(week: Week) -> dict[tuple[int, int], tuple[float, float]]:
    assert [(hour.weekday, hour.hour) for hour in week.hours] == [
        divmod(number, 24) for number in range(168)
    ]
    return {
        (hour.weekday, hour.hour): (hour.share.seen / MINUTE, hour.share.offline / MINUTE)
        for hour in week.hours
        if hour.share.seen
    }


def week(overview: Overview) -> Week:
    assert overview.histories is not None
    (history,) = overview.histories
    assert history is not None
    found = week_of(history, overview.peers[0], overview.blind_spans)
    assert found.share().offline == history.lifetime - history.uptime
    assert found.share().seen == history.lifetime
    return found


@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU, LORD_HOWE, MADE_UP, UTC])
@pytest.mark.parametrize("start", [AUTUMN, SPRING])
@pytest.mark.parametrize("window", [None, 9 * DAY + 5 * HOUR])
def test_each_hour_agrees_with_a_count_of_every_minute(
    zone: str, start: datetime, window: timedelta | None, tmp_path: Path
) -> None:
    offline = to_the_minute(list(peer_with_habits(7, 60, LENGTH, 2 * HOUR).offline))
    offline.append((LENGTH - 20 * MINUTE, LENGTH + DAY))
    blind = [(DAY, DAY + 7 * MINUTE), (8 * DAY, 8 * DAY + 15 * HOUR), (14 * DAY, 14 * DAY + HOUR)]
    opened = 3 * HOUR
    path = make_database(
        tmp_path / "fitness.db",
        [MadeUpPeer(offline=offline, opened=[opened])],
        LENGTH,
        start=start,
        blind=blind,
    )
    with machine_in(zone):
        begin = opened if window is None else LENGTH - window
        expected = every_minute(start, (begin, LENGTH), offline, blind)
        found = week(load_database(str(path), window))
    assert minutes(found) == expected
    assert (found.begin, found.end) == (start + begin, start + LENGTH)
    assert not found.is_partial


def test_a_repeated_hour_counts_twice_and_a_skipped_one_not_at_all(
    tmp_path: Path,
) -> None:
    start = datetime(2026, 10, 24, 22, 0, tzinfo=timezone.utc)
    path = make_database(tmp_path / "autumn.db", [MadeUpPeer()], DAY, start=start)
    with machine_in(BERLIN):
        of_autumn = minutes(week(load_database(str(path))))
    assert of_autumn[6, 2] == (120, 0)
    path = make_database(
        tmp_path / "spring.db",
        [MadeUpPeer()],
        DAY,
        start=datetime(2026, 3, 28, 23, 0, tzinfo=timezone.utc),
    )
    with machine_in(BERLIN):
        of_spring = minutes(week(load_database(str(path))))
    assert (6, 2) not in of_spring
    assert of_spring[6, 1] == of_spring[6, 3] == (60, 0)


# Partial histories.


NOW = START + 10 * DAY  # a Sunday


def history(lifetime: timedelta, uptime: timedelta, *outages: Outage) -> ChannelHistory:
    return ChannelHistory(START, NOW, lifetime, uptime, NOW - START - lifetime, outages)


def info(*, online: bool = True, since: datetime = START) -> PeerInfo:
    return PeerInfo(ALICE, online, since, 0, None, (), None, "tor")


def week_in_utc(of: ChannelHistory, peer: PeerInfo, *blind: BlindSpan) -> Week:
    return week_of(of, peer, blind, Zone(timezone.utc))


def test_an_outage_seen_while_its_transport_was_lost_counts_as_seen() -> None:
    outage = Outage(START, START + 4 * HOUR, 4 * HOUR)
    lost = BlindSpan(START + HOUR, START + 2 * HOUR, HOUR, "tor", "transport outage", 3)
    found = week_in_utc(history(10 * DAY, 10 * DAY - 4 * HOUR, outage), info(), lost)
    assert found.share() == Share(10 * DAY, 4 * HOUR)


def test_unexplained_blind_time_is_spread_over_the_outage() -> None:
    outage = Outage(START, START + 4 * HOUR, 3 * HOUR)
    found = week_in_utc(history(10 * DAY - HOUR, 10 * DAY - 4 * HOUR, outage), info())
    thursday = [hour.share.offline for hour in found.hours if hour.weekday == 3]
    assert thursday[:5] == [45 * MINUTE] * 4 + [ZERO]
    assert found.share().offline == 3 * HOUR


def test_time_before_the_first_kept_outage_is_left_out() -> None:
    """Of a day offline, three hours are listed; when the others were is unknown."""
    outage = Outage(START + 8 * DAY, START + 8 * DAY + 3 * HOUR, 3 * HOUR)
    found = week_in_utc(history(10 * DAY, 9 * DAY, outage), info())
    assert (found.begin, found.is_partial) == (START + 8 * DAY, True)
    assert found.share() == Share(2 * DAY, 3 * HOUR)


def test_without_kept_outages_the_week_begins_at_the_last_return() -> None:
    found = week_in_utc(history(10 * DAY, 9 * DAY), info(since=START + 7 * DAY))
    assert found.share() == Share(3 * DAY, ZERO)
    assert week_in_utc(history(10 * DAY, 9 * DAY), info(since=START - DAY)).begin == START


def test_a_history_that_begins_late_is_partial() -> None:
    found = week_in_utc(history(10 * DAY, 10 * DAY)._replace(complete=False), info())
    assert (found.begin, found.is_partial) == (START, True)


def test_the_worst_hours_have_the_largest_shares_offline() -> None:
    shares = {(5, 3): (10, 4), (5, 4): (100, 30), (0, 0): (1, 0), (1, 1): (5, 5), (2, 2): (9, 2)}
    hours = [
        Hour(*hour, Share(seen * HOUR, offline * HOUR)) for hour, (seen, offline) in shares.items()
    ]
    found = Week(START, NOW, hours)
    assert [(hour.weekday, hour.hour) for hour in found.worst(3)] == [(1, 1), (5, 3), (5, 4)]
    assert len(found.worst(9)) == 4
    assert found.share(lambda hour: hour.is_weekend) == Share(110 * HOUR, 34 * HOUR)
    assert found.share(lambda hour: not hour.is_night) == Share(ZERO, ZERO)
    assert Share(ZERO, ZERO).ratio is None
