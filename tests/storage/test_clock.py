"""Clock corrections over restarts: dates follow them, durations do not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chanfitness import ChannelHistory, SteadyClock
from chanfitness.testing import FakeNode

from ..support.persistent_stores import DAY, HOUR, ZERO, figures, history_of, watching
from ..support.values import SECOND, START


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


class Machine:
    """A machine that boots with any date and any start of its monotonic clock."""

    def __init__(self, utc: datetime, monotonic: timedelta) -> None:
        self.utc, self.monotonic = utc, monotonic
        self.clock = SteadyClock(
            utc=lambda: self.utc,
            monotonic=lambda: self.monotonic / SECOND,
            boottime=lambda: self.monotonic / SECOND,
        )

    def run(self, by: timedelta) -> None:
        self.utc, self.monotonic = self.utc + by, self.monotonic + by


@pytest.mark.parametrize("origin", [ZERO, 5000 * DAY])
def test_a_reboot_that_moves_the_steady_clocks_origin_changes_nothing(
    path: Path, origin: timedelta
) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    for machine in [Machine(START, 77 * DAY), Machine(START + 5 * HOUR, origin)]:
        with watching(node, path, clock=machine.clock) as store:
            machine.run(2 * HOUR)
            history = history_of(store, channel)
            assert figures(store, channel) == (history.lifetime / HOUR,) * 2
    assert history == ChannelHistory(START, START + 7 * HOUR, 4 * HOUR, 4 * HOUR, 3 * HOUR, ())


@pytest.mark.parametrize("off", [HOUR, 100 * DAY, timedelta(days=50 * 365)])
def test_dates_are_corrected_after_a_boot_in_the_past(path: Path, off: timedelta) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    first = Machine(START, ZERO)
    with watching(node, path, clock=first.clock):
        first.run(2 * HOUR)
    second = Machine(START + 3 * HOUR - off, ZERO)
    with watching(node, path, clock=second.clock) as store:
        second.run(HOUR)
        wrong = history_of(store, channel)
        second.utc += off
        right = history_of(store, channel)

    blind = max(HOUR - off, ZERO)
    assert wrong.start == second.utc - off - 3 * HOUR - blind
    assert (wrong.lifetime, wrong.uptime, wrong.blind) == (3 * HOUR, 3 * HOUR, blind)
    assert right == ChannelHistory(START, START + 4 * HOUR, 3 * HOUR, 3 * HOUR, HOUR, ())


def test_dates_are_corrected_after_another_restart_too(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    machines = [Machine(START, ZERO), Machine(START - 900 * DAY, ZERO), Machine(START + DAY, ZERO)]
    for machine in machines:
        with watching(node, path, clock=machine.clock) as store:
            machine.run(2 * HOUR)
            history = history_of(store, channel)
    assert (history.lifetime, history.uptime) == (6 * HOUR, 6 * HOUR)
    assert history.end == START + DAY + 2 * HOUR
