"""Outages and lifetimes without the blind spans in them."""

from __future__ import annotations

from datetime import timedelta

from chanfitness import BlindSpan
from chanfitness.reports.seen_parts import Part, concerning, merged, seen_parts, without

from ..support.values import START

HOUR = timedelta(hours=1)
NOW = START + 100 * HOUR


def part(begin: float, end: float, seen: float | None = None) -> Part:
    return START + begin * HOUR, START + end * HOUR, HOUR * (end - begin if seen is None else seen)


def span(begin: float, end: float | None, of: str = "all") -> BlindSpan:
    over = NOW if end is None else START + end * HOUR
    start = START + begin * HOUR
    return BlindSpan(start, None if end is None else over, over - start, of, None, None)


def lasting(begin: float, seen: float) -> Part:
    return START + begin * HOUR, None, seen * HOUR


def test_a_span_seen_throughout_stays_whole() -> None:
    for blind in ([], [span(1, 2)], [span(20, 30)]):
        assert seen_parts([part(3, 5)], blind, NOW) == [part(3, 5)]


def test_blind_time_is_cut_out() -> None:
    blind = [span(0, 4), span(5, 6), span(9, 12)]
    cut = seen_parts([part(3, 10, 4)], blind, NOW)
    assert cut == [part(4, 5), part(6, 9)]


def test_an_outage_that_lasts_has_no_end_unless_blind_now() -> None:
    assert seen_parts([lasting(90, 8)], [span(92, 94)], NOW) == [part(90, 92), lasting(94, 6)]
    assert seen_parts([lasting(90, 2)], [span(92, None)], NOW) == [part(90, 92)]


def test_a_lost_transport_need_not_concern_each_of_its_peers() -> None:
    blind = [span(4, 5), span(6, 7, "tor")]
    assert seen_parts([part(3, 10, 5)], blind, NOW) == [part(3, 4), part(5, 6), part(7, 10)]
    assert seen_parts([part(3, 10, 6)], blind, NOW) == [part(3, 4), part(5, 10)]


def test_a_span_with_unexplained_blind_time_stays_whole() -> None:
    assert seen_parts([part(3, 10, 1)], [span(4, 5)], NOW) == [part(3, 10, 1)]


def test_blind_spans_of_all_and_of_its_transport_concern_a_peer() -> None:
    blind = [span(0, 1), span(2, 3, "tor"), span(4, 5, "i2p")]
    assert concerning(blind, "tor") == blind[:2]
    assert concerning(blind, None) == blind[:1]


def test_blind_spans_may_overlap() -> None:
    blind = [span(4, 8, "tor"), span(5, 6), span(7, 9)]
    assert list(without(part(3, 10), blind, NOW)) == [part(3, 4), part(9, 10)]


def test_parts_that_touch_or_overlap_are_merged() -> None:
    parts = [part(8, 9), part(1, 3, 1), part(2, 4), part(4, 5), lasting(98, 2)]
    assert merged(parts, NOW) == [part(1, 5), part(8, 9), part(98, 100)]
