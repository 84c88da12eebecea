"""For how long a watcher waits after a start of lightningd before it judges its peers."""

from __future__ import annotations

from datetime import datetime, timedelta

from chanfitness import Reading
from chanfitness.nodes.cln.startup_grace import (
    LIMIT,
    MISSING_TIMEOUT,
    OWN_LINE,
    QUIET,
    StartupGrace,
)

from ...support.values import ALICE, BOB, SECOND, START, vertex

ZERO = timedelta(0)
MOMENT = timedelta(seconds=0.05)


def grace(*missing: int, others: int = 0, is_connected: bool = False) -> StartupGrace:
    """These peers are missing, so many more are away."""
    peers = [vertex(number) for number in missing]
    away = peers + [vertex(number) for number in range(1000, 1000 + others)]
    return StartupGrace(START, away, peers, is_connected)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_quarter_of_a_second_after_all_are_there_the_wait_is_over() -> None:
    wait = StartupGrace(START, [ALICE, BOB], [ALICE, BOB], False)
    wait.connected(ALICE, at(0.05))
    wait.connected(BOB, at(0.11))
    assert wait.wait(at(0.11)) == QUIET
    assert wait.wait(at(0.11) + QUIET - MOMENT) == MOMENT
    assert wait.wait(at(0.11) + QUIET) == ZERO


def test_whoever_is_missing_is_waited_for_as_long_as_others_come() -> None:
    wait = grace(1, 2, 3, 4)
    wait.connected(vertex(1), at(4))
    wait.connected(vertex(2), at(8))
    assert wait.wait(at(8)) == MISSING_TIMEOUT
    assert wait.wait(at(14)) == ZERO


def test_one_peer_that_never_comes_is_waited_for_once() -> None:
    wait = grace(1)
    assert wait.wait(START) == MISSING_TIMEOUT
    assert wait.wait(START + MISSING_TIMEOUT) == ZERO


def test_peers_that_were_offline_before_are_given_no_more_than_a_moment() -> None:
    wait = grace(others=50)
    assert wait.wait(START) == QUIET


def test_a_peer_that_was_not_missing_and_comes_now_makes_the_wait_a_moment_longer() -> None:
    wait = grace(others=50)
    wait.connected(vertex(1000), at(0.2))
    assert wait.wait(at(0.2)) == QUIET


def test_a_stranger_makes_no_wait_longer() -> None:
    wait = grace(1, is_connected=True)
    wait.connected(vertex(99), at(4))
    assert wait.wait(at(4)) == MISSING_TIMEOUT - timedelta(seconds=4)


def test_a_node_with_a_thousand_peers_is_not_waited_for_without_end() -> None:
    wait = grace(*range(1, 1001))
    for number in range(1, 1001):
        now = at(number / 10)
        wait.connected(vertex(number), now)
        is_over = now >= at(0.1) + LIMIT
        assert (wait.wait(now) == ZERO) is is_over


def test_while_nobody_is_there_at_all_it_is_the_own_line() -> None:
    wait = grace(*range(1, OWN_LINE + 1))
    assert wait.wait(START) is None
    assert wait.wait(START + timedelta(days=3)) is None


def test_the_first_who_comes_says_that_the_line_is_up_again() -> None:
    wait = grace(1, 2, 3)
    up = START + timedelta(days=3)
    wait.connected(vertex(99), up)
    assert wait.wait(up) == MISSING_TIMEOUT
    wait.connected(vertex(1), up + MOMENT)
    wait.connected(vertex(1), up + SECOND)
    assert wait.wait(up + MISSING_TIMEOUT) == MOMENT


def test_with_fewer_peers_it_may_be_theirs() -> None:
    assert grace(1, 2).wait(START) == MISSING_TIMEOUT
    assert grace(1, 2, 3, is_connected=True).wait(START) == MISSING_TIMEOUT


def test_it_runs_on_steady_time() -> None:
    def reading(seconds: int, utc: datetime) -> Reading:
        return Reading(utc, timedelta(seconds=seconds))

    wait = StartupGrace(reading(10, START), [ALICE], [ALICE], False)
    wait.connected(ALICE, reading(11, START - timedelta(days=9)))
    assert wait.wait(reading(11, START + timedelta(days=9))) == QUIET
