"""Refusals by lnd: final ones, and others that pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    NodeError,
    ShuttingDownError,
)
from chanfitness.nodes.lnd import LndNode
from chanfitness.subscribe import ENDED

from ...support.fake_lnd import (
    AWAY,
    CHANNEL_EVENTS,
    LIST_CHANNELS,
    LIST_PEERS,
    MACAROON,
    PEER_EVENTS,
    FakeLnd,
    Status,
)
from ...support.lnd_nodes import a_node, closed_in_the_end, first_snapshot, next_of, watching

CODE = grpc.StatusCode
RENEWED = b"\x02renewed"
NOTHING = MonitoringResumedEvent([], [])

REFUSALS: list[Status] = [
    (CODE.UNKNOWN, "verification failed: signature mismatch after caveat verification"),
    (
        CODE.UNKNOWN,
        "cannot retrieve macaroon: cannot get macaroon: root key with id 0 doesn't exist",
    ),
    (CODE.UNKNOWN, "cannot get macaroon: root key with id \n doesn't exist"),
    (CODE.UNKNOWN, "expected 1 macaroon, got 0"),
    (CODE.UNKNOWN, "permission denied"),
    (CODE.UNKNOWN, "unknown macaroon version: 3"),
    (
        CODE.UNKNOWN,
        'caveat "time-before 2026-11-22T00:00:00Z" not satisfied: macaroon has expired',
    ),
    (
        CODE.UNKNOWN,
        'caveat "ipaddr 10.0.0.1" not satisfied: macaroon locked to different IP address',
    ),
    (CODE.PERMISSION_DENIED, "\x1b[31mno"),
    (CODE.UNAUTHENTICATED, ""),
]


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


def macaroon_file(directory: Path) -> Path:
    return directory / "data" / "chain" / "bitcoin" / "mainnet" / "readonly.macaroon"


def check_refused(
    node: LndNode, caplog: pytest.LogCaptureFixture, *what_it_says: str | Path
) -> None:
    """Check that the node stops with a fault that says this."""
    updates = node.subscribe_channel_events().updates
    assert node.subscribe_peer_events().updates is updates
    for _ in range(2):
        with pytest.raises(NodeError) as raised:
            node.get_open_channels()
        assert all(str(each) in str(raised.value) for each in what_it_says), raised.value
    assert next_of(updates) is ENDED
    assert str(node.fault) == str(raised.value)
    assert node.fault is not raised.value
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.CRITICAL, str(node.fault))
    ]
    assert MACAROON.hex() not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("status", REFUSALS)
def test_a_rejected_macaroon_is_a_fault(
    status: Status, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lnd.refuse(status)
    with a_node(lnd, tmp_path) as (node, _):
        check_refused(node, caplog, lnd.rpcserver, "the macaroon", macaroon_file(tmp_path))


def test_another_lnds_macaroon_is_a_fault(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lnd.macaroon = RENEWED
    with a_node(lnd, tmp_path) as (node, _):
        check_refused(node, caplog, "signature mismatch", macaroon_file(tmp_path))


def test_another_lnds_certificate_is_a_fault(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_node(lnd, tmp_path) as (node, _):
        (tmp_path / "tls.cert").write_bytes(trustme.CA().cert_pem.bytes())
        check_refused(node, caplog, lnd.rpcserver, "the certificate", tmp_path / "tls.cert")
    assert lnd.calls == []


def test_another_hosts_certificate_is_a_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeLnd("lnd.example") as lnd, a_node(lnd, tmp_path) as (node, _):
        check_refused(node, caplog, lnd.rpcserver, "the certificate", tmp_path / "tls.cert")
        assert lnd.calls == []


def test_the_certificate_is_checked_against_the_host_name(tmp_path: Path) -> None:
    with FakeLnd("localhost") as lnd, a_node(lnd, tmp_path):
        by_name = LndNode(rpcserver=f"localhost:{lnd.port}", lnddir=tmp_path)
        with closed_in_the_end(by_name):
            assert first_snapshot(by_name) == NOTHING
        by_address = LndNode(rpcserver=lnd.rpcserver, lnddir=tmp_path)
        with closed_in_the_end(by_address), pytest.raises(NodeError, match="certificate"):
            by_address.get_open_channels()


def test_a_store_does_not_start(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.macaroon = RENEWED
    with a_node(lnd, tmp_path) as (node, _):
        store = ChannelEventStore(node.config())
        for _ in range(2):
            with pytest.raises(NodeError, match="refuses the macaroon"):
                store.start()
        lnd.macaroon = MACAROON
        store.start()
        assert node.fault is None
        store.stop()


def test_a_refusal_after_a_while_ends_the_subscription(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        lnd.macaroon = RENEWED
        link.end(AWAY)
        assert watcher.take_all(2) == [MonitoringPausedEvent(), ENDED]
        assert "signature mismatch" in str(watcher.node.fault)
        assert watcher.node.subscribe_peer_events() is watcher.subscription
        watcher.cancel()
        (tmp_path / "other").write_bytes(RENEWED)
        (tmp_path / "other").rename(macaroon_file(tmp_path))
        assert first_snapshot(watcher.node) == NOTHING
        assert watcher.node.fault is None


# Refusals that pass.


def test_lnd_makes_a_new_certificate_and_a_new_macaroon(tmp_path: Path) -> None:
    with FakeLnd() as lnd, watching(lnd, tmp_path) as (watcher, _):
        with watcher.turnstile.one_by_one() as turnstile:
            lnd.stop()
            assert watcher.take() == MonitoringPausedEvent()
            turnstile.reached()
            lnd.macaroon = RENEWED
            macaroon_file(tmp_path).write_bytes(RENEWED)
            authority = trustme.CA()
            lnd.certificate = authority.issue_cert("127.0.0.1")
            (tmp_path / "tls.cert").write_bytes(authority.cert_pem.bytes())
            lnd.start()
        assert watcher.take() == NOTHING
        assert watcher.node.fault is None


@pytest.mark.parametrize("file", ["tls.cert", "readonly.macaroon"])
def test_files_missing_for_a_while_are_waited_for(
    file: str, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as (watcher, link), watcher.turnstile.one_by_one() as turnstile:
        (path,) = tmp_path.rglob(file)
        content = path.read_bytes()
        path.unlink()
        link.end()
        assert watcher.take() == MonitoringPausedEvent()
        turnstile.let_one_pass()
        turnstile.let_one_pass()
        turnstile.reached()
        path.write_bytes(content)
        turnstile.let_pass()
        assert watcher.take() == NOTHING
    assert caplog.text.count(f"cannot read lnd's {'cert' if 'cert' in file else 'macaroon'}") == 1


@pytest.mark.parametrize("renewed", [RENEWED, None])
def test_a_macaroon_replaced_during_a_refusal_is_no_fault(
    renewed: bytes | None, lnd: FakeLnd, tmp_path: Path
) -> None:
    def renew(_: object) -> None:
        if renewed is None:
            macaroon_file(tmp_path).unlink(missing_ok=True)
        else:
            macaroon_file(tmp_path).write_bytes(renewed)

    lnd.macaroon = RENEWED
    lnd.on = dict.fromkeys([CHANNEL_EVENTS, PEER_EVENTS, LIST_CHANNELS, LIST_PEERS], renew)
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        turnstile.reached()
        lnd.accept_again()
        macaroon_file(tmp_path).write_bytes(RENEWED)
        turnstile.let_pass()
        assert next_of(updates) == NOTHING


# Missing files at the start.


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tls.cert", None),
        ("tls.cert", b""),
        ("tls.cert", b"\xff"),
        ("tls.cert", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("readonly.macaroon", None),
        ("readonly.macaroon", b""),
        ("readonly.macaroon", MACAROON.hex().encode()),
        ("readonly.macaroon", b"-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_an_unusable_file_is_named_at_once(
    file: str, content: bytes | None, lnd: FakeLnd, tmp_path: Path
) -> None:
    with a_node(lnd, tmp_path) as (node, _):
        (path,) = tmp_path.rglob(file)
        good = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        for call in (node.subscribe_channel_events, node.get_open_channels):
            with pytest.raises(NodeError) as raised:
                call()
            assert str(path) in str(raised.value)
        assert node.fault is None
        path.write_bytes(good)
        assert first_snapshot(node) == NOTHING


def test_a_closed_node_reads_no_file(lnd: FakeLnd, tmp_path: Path) -> None:
    with a_node(lnd, tmp_path) as (node, _):
        node.close()
        (tmp_path / "tls.cert").unlink()
        with pytest.raises(ShuttingDownError):
            node.subscribe_channel_events()


def test_a_macaroon_is_never_shown(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with watching(lnd, tmp_path) as (watcher, link):
        shown = repr(vars(watcher.node)) + repr(vars(watcher.subscription))
        link.end()
        watcher.take_all(2)
    assert "hpack.hpack" not in {each.name for each in caplog.records}  # which logs all headers
    for text in (shown, caplog.text):
        assert MACAROON.hex() not in text
        assert repr(MACAROON)[2:-1] not in text
