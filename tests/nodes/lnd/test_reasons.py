"""Logged reasons why lnd cannot be seen."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest

from chanfitness import MonitoringPausedEvent, MonitoringResumedEvent
from chanfitness.nodes.lnd import LndNode
from chanfitness.nodes.lnd.errors import Code, DisconnectedError

from ...support.fake_lnd import LOCKED, FakeLnd, authority
from ...support.lnd_nodes import a_node, closed_in_the_end, make_lnddir, next_of, watching
from ...support.stores import WAIT

CODE = grpc.StatusCode
NOTHING = MonitoringResumedEvent([], [])
TODAY = datetime.now(timezone.utc)
DAY = timedelta(days=1)
STARTING = "the RPC server is in the process of starting up"


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the reasons in the log."""
    return [
        record.getMessage().partition("trying again: ")[2]
        for record in caplog.records
        if record.levelno == logging.WARNING
    ]


def test_each_reason_during_a_start_is_logged_once(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as (watcher, _):
        with watcher.turnstile.one_by_one() as turnstile:
            lnd.stop()
            assert watcher.take() == MonitoringPausedEvent()
            turnstile.let_one_pass()
            turnstile.let_one_pass()
            for status in (LOCKED, (CODE.UNKNOWN, STARTING)):
                turnstile.reached()
                lnd.refuse(status)
                if status is LOCKED:
                    lnd.start()
                turnstile.let_pass()
                turnstile.let_one_pass()
            turnstile.reached()
            lnd.accept_again()
        assert watcher.take() == NOTHING
    _, *reasons = told(caplog)
    assert [each for each in reasons if "refused" not in each] == [
        "UNKNOWN 'wallet locked, unlock it to enable full RPC access'",
        f"UNKNOWN '{STARTING}'",
    ]
    assert reasons.count("UNAVAILABLE 'Connection refused'") <= 1


def test_a_refused_connection_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        node = LndNode(
            rpcserver=f"127.0.0.1:{place.getsockname()[1]}", lnddir=make_lnddir(tmp_path)
        )
        node.patience = WAIT
        with closed_in_the_end(node):
            node.get_open_channels()
    assert told(caplog)[0].startswith("UNAVAILABLE 'Connection refused")


def test_lnds_error_text_is_escaped_and_cut_at_its_end() -> None:
    said = DisconnectedError(Code.UNKNOWN, "one: two\x1b[2J")
    assert str(said) == r"UNKNOWN 'one: two\x1b[2J'"


# Certificates and clocks.


@pytest.mark.parametrize(
    ("begins", "reason"),
    [
        (-2 * DAY, "its certificate has expired, by the clock of this machine"),
        (DAY, "its certificate is not yet valid, by the clock of this machine"),
    ],
)
def test_a_certificate_outside_its_validity_is_logged_and_retried(
    lnd: FakeLnd,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    begins: timedelta,
    reason: str,
) -> None:
    valid = lnd.certificate
    lnd.stop()
    lnd.certificate = authority().issue_cert(
        "127.0.0.1", not_before=TODAY + begins, not_after=TODAY + begins + DAY
    )
    lnd.start()
    with a_node(lnd, tmp_path) as (node, turnstile):
        with turnstile.one_by_one():
            updates = node.subscribe_channel_events().updates
            turnstile.let_one_pass()
            turnstile.reached()
            assert node.fault is None
            lnd.stop()
            lnd.certificate = valid
            lnd.start()
        assert next_of(updates) == NOTHING
    assert told(caplog)[0] == reason
    assert told(caplog).count(reason) == 1
