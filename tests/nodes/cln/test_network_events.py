"""Reader of lightningd's record of network events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chanfitness import ManualClock, Vertex
from chanfitness.nodes.cln import network_events
from chanfitness.nodes.cln.network_events import (
    BrokenRecordError,
    Latest,
    NetworkEvent,
    first_since,
    read_events,
    wait_for,
)

from ...support.network_events import NetworkEvents
from ...support.values import ALICE, BOB, SECOND, START

KINDS = ("ping", "connect", "connect_fail", "disconnect", "of a later version")


class Recorded:
    """Return a record with an event each second, of each kind in turn."""

    def __init__(self, count: int) -> None:
        clock = ManualClock(START)
        self.events = NetworkEvents(clock.now)
        self.asked: list[dict[str, Any]] = []
        for number in range(count):
            self.events.add(KINDS[number % len(KINDS)], ALICE if number % 2 else BOB)
            clock.advance(SECOND)

    def ask(self, method: str, params: dict[str, Any], _: object) -> object:
        self.asked.append(params)
        return self.events.answer(method, params)


def answering(result: object) -> Callable[[str, dict[str, object], object], object]:
    return lambda method, params, fields: result


def numbers(events: list[NetworkEvent]) -> list[int]:
    return [event.number for event in events]


def test_connects_and_disconnects_are_read_with_their_seconds() -> None:
    record = Recorded(6)
    assert [*read_events(record.ask, 1, 6)] == [
        NetworkEvent(2, START + SECOND, ALICE, "connect"),
        NetworkEvent(4, START + 3 * SECOND, ALICE, "disconnect"),
    ]


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_events_are_read_by_pages_from_one_number_to_another(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_events, "PAGE", page)
    record = Recorded(20)
    assert numbers([*read_events(record.ask, 3, 14)]) == [4, 7, 9, 12, 14]
    assert len(record.asked) == -(-12 // page)
    assert [*read_events(record.ask, 21, 20)] == []


@pytest.mark.parametrize("missing", [3, 8, 9])
def test_a_missing_event_breaks_the_record(missing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_events, "PAGE", 4)
    record = Recorded(9)
    record.events.forget(missing)
    with pytest.raises(BrokenRecordError, match="are not kept any more"):
        [*read_events(record.ask, 2, 9)]


@pytest.mark.parametrize("seconds", [0, 1, 7.9, 19, 30])
def test_the_first_event_of_a_second_is_found_in_few_steps(seconds: float) -> None:
    record = Recorded(20)
    first = first_since(record.ask, START + timedelta(seconds=seconds), 20)
    assert first == min(int(seconds), 20) + 1
    assert len(record.asked) <= 6


def test_a_date_before_all_events_is_before_the_first() -> None:
    assert first_since(Recorded(3).ask, START - SECOND, 3) == 1
    assert first_since(Recorded(0).ask, START, 0) == 1


@pytest.mark.parametrize("since", [0, 5, 9])
def test_a_date_before_the_kept_events_breaks_the_record(since: int) -> None:
    record = Recorded(20)
    record.events.forget(*range(1, 11))
    with pytest.raises(BrokenRecordError, match="are not kept any more"):
        [*read_events(record.ask, first_since(record.ask, START + since * SECOND, 20), 20)]
    assert first_since(record.ask, START + 11 * SECOND, 20) == 12


def test_a_fully_deleted_record_is_broken() -> None:
    record = Recorded(5)
    record.events.forget(*range(1, 6))
    with pytest.raises(BrokenRecordError):
        [*read_events(record.ask, first_since(record.ask, START, 5), 5)]


def test_a_wait_returns_the_number_and_kind_of_the_event() -> None:
    answer = {"subsystem": "networkevents", "created": 7, "networkevents": {"type": "ping"}}
    assert wait_for(answering(answer), 7) == Latest(7, "ping")
    assert wait_for(answering(answer), 6) == Latest(7, None)  # 6 may have another kind
    assert wait_for(answering({"created": 7}), 0) == Latest(7, None)
    assert wait_for(answering({"created": 7, "networkevents": {"type": 5}}), 7) == Latest(7, None)


@pytest.mark.parametrize("answer", [None, [], {}, {"created": "7"}, {"created": True}])
def test_an_unusable_answer_to_a_wait_is_shown(answer: object) -> None:
    with pytest.raises(ValueError, match="expected the number of an event, got"):
        wait_for(answering(answer), 1)


def test_a_number_that_goes_back_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the number"):
        wait_for(answering({"created": 6}), 7)


GOOD = {"created_index": 1, "timestamp": 5, "peer_id": str(ALICE), "type": "connect"}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"networkevents": {}},
        {"networkevents": [5]},
        *(
            {"networkevents": [GOOD | {name: value}]}
            for name, value in [
                ("created_index", "1"),
                ("timestamp", 1.5),
                ("timestamp", -1),
                ("timestamp", 10**15),
                ("peer_id", 5),
                ("peer_id", "\x1b[2J"),
                ("type", None),
            ]
        ),
    ],
)
def test_an_invalid_event_is_refused(answer: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        [*read_events(answering(answer), 1, 1)]


@pytest.mark.parametrize(
    ("noticed", "happened"), [(-2.0, -2.0), (0.0, 0.0), (0.9, 0.9), (1.0, 0.0), (60.0, 0.0)]
)
def test_an_event_noticed_within_its_second_has_the_time_of_notice(
    noticed: float, happened: float
) -> None:
    def at(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    event = NetworkEvent(1, START, Vertex.parse(str(ALICE)), "connect")
    assert event.happened(at(noticed)) == at(happened)
