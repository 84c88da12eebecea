"""Errors for settings of the wrong type or value: each shows the value and a right one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chanfitness import Config, ManualClock, SteadyClock, SystemClock
from chanfitness.checks import require_period
from chanfitness.testing import FakeNode

from .support.stores import QueueSubscription
from .support.values import START


def config(**settings: Any) -> Config:
    source = QueueSubscription()
    around: dict[str, Any] = {
        "subscribe_channel_events": lambda: source,
        "subscribe_peer_events": lambda: source,
        "get_open_channels": list,
    }
    return Config(**around | settings)


class NoClock:
    def __repr__(self) -> str:
        return "NoClock()"


class OldClock(NoClock):
    now = START  # not callable


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"history": 90}, "bad history 90: expected a timedelta, such as timedelta(days=90)"),
        ({"history": "90d"}, "bad history '90d': expected a timedelta, such as timedelta(days=1)"),
        ({"history": True}, "bad history True: expected a timedelta, such as timedelta(days=1)"),
        ({"own_outage": 1.5}, "bad own_outage 1.5: expected a timedelta, such as timedelta(seco"),
        ({"own_outage": 90}, "timedelta(seconds=90)"),
        (
            {"return_grace": 5},
            "bad return_grace 5: expected a timedelta, such as timedelta(seconds=5)",
        ),
        ({"flap_period": 8}, "bad flap_period 8: expected a timedelta, such as timedelta(hours=8)"),
        ({"flap_period": None}, "bad flap_period None: expected a timedelta"),
        ({"flap_factor": "0.95"}, "bad flap_factor '0.95': expected 0 to 1"),
        ({"flap_factor": None}, "bad flap_factor None: expected 0 to 1"),
        ({"storage": "x.db"}, "bad storage 'x.db': expected a SqliteStorage, such as"),
        ({"storage": "x.db"}, "SqliteStorage('x.db')"),
        ({"storage": 7}, "SqliteStorage('chanfitness.db')"),
        ({"clock": NoClock()}, "bad clock NoClock(): expected a clock, which has now(), such as S"),
        ({"clock": OldClock()}, "SystemClock()"),
        ({"clock": None}, "bad clock None: expected a clock, which has now(), such as SystemClock"),
        ({"clock": SteadyClock}, "expected a clock, such as SteadyClock()"),
        ({"is_peer_online": []}, "bad is_peer_online []: expected a function, such as node.is_pe"),
        ({"on_event": "print"}, "bad on_event 'print': expected a function"),
        ({"get_open_channels": []}, "bad get_open_channels []: expected a function"),
        ({"get_open_channels": None}, "bad get_open_channels None: expected a function"),
        ({"subscribe_channel_events": QueueSubscription()}, "bad subscribe_channel_events"),
        ({"subscribe_peer_events": 7}, "bad subscribe_peer_events 7: expected a function"),
    ],
)
def test_a_setting_of_the_wrong_type_is_refused_with_an_example(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError) as caught:
        config(**settings)
    assert says in str(caught.value)


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="bad history_limit '9': expected a whole number, 1 or m"):
        config(history_limit="9")


def test_all_settings_of_the_right_type_are_taken() -> None:
    node = FakeNode()
    settings = {
        "history": timedelta(0),
        "own_outage": timedelta(seconds=90),
        "return_grace": timedelta(seconds=5),
        "flap_factor": 1,
        "flap_period": timedelta.resolution,
        "history_limit": 1,
        "clock": SystemClock(),
        "on_event": print,
        "is_peer_online": node.config.is_peer_online,
    }
    taken = config(**settings)
    assert {name: getattr(taken, name) for name in settings} == settings


@pytest.mark.parametrize("window", [None, timedelta(0), timedelta.max])
def test_a_period_is_a_timedelta_of_zero_or_more_or_none(window: timedelta | None) -> None:
    require_period("window", window, "days")


@pytest.mark.parametrize(
    ("window", "error", "says"),
    [
        (7, TypeError, r"bad window 7: expected a timedelta, such as timedelta\(days=7\)"),
        (-timedelta.resolution, ValueError, "bad window .*: expected a period of time, or None"),
    ],
)
def test_a_negative_period_is_refused(window: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        require_period("window", window, "days")


# Clocks.


@pytest.mark.parametrize("name", ["utc", "monotonic", "boottime"])
def test_a_steady_clock_takes_functions(name: str) -> None:
    with pytest.raises(TypeError, match=f"bad {name} 5: expected a function, such as "):
        SteadyClock(**{name: 5})  # type: ignore[arg-type]


@pytest.mark.parametrize("time", ["2026-01-01", 1767225600, None])
def test_a_manual_clock_takes_datetimes(time: Any) -> None:
    clock = ManualClock(START)
    for take in (ManualClock, clock.set):
        with pytest.raises(TypeError, match=r"no time: .* such as datetime\.now\(timezone\.utc\)"):
            take(time)
    assert clock.now() == START


def test_a_manual_clock_is_advanced_by_a_timedelta() -> None:
    clock = ManualClock(START)
    with pytest.raises(TypeError, match=r"bad by 5: .* such as timedelta\(seconds=5\)"):
        clock.advance(5)  # type: ignore[arg-type]
    assert clock.now() == START
