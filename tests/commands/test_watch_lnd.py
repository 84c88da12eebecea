"""End to end: ``chanfitness watch lnd`` of an lnd, and its saved figures."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chanfitness import MonitoringPausedEvent
from chanfitness.recording.format import parse_line, read

from ..support.fake_lnd import LIST_CHANNELS, LIST_PEERS, FakeLnd
from ..support.lnd_nodes import Segment, make_lnddir, recorded, send
from ..support.paths import DATA
from ..support.terminal import TIMEOUT
from ..support.watch_sessions import Pipe


@pytest.fixture(scope="module")
def segment() -> Segment:
    """The recording's first segment, which begins with an empty state."""
    return recorded()[0]


@contextmanager
def command(
    lnd: FakeLnd, lnddir: Path, output: Pipe, *options: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "chanfitness", "watch", "lnd", "--json"),
            *("--rpcserver", lnd.rpcserver, "--lnddir", str(lnddir), *options),
        ],
        stdin=subprocess.DEVNULL,
        stdout=output.writer,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def keys(line: str) -> dict[str, object]:
    return {name: value for name, value in json.loads(line).items() if name != "at"}


DETAILS = {"channel_active", "channel_inactive", "peer_described", "channel_described"}


def is_main(line: str) -> bool:
    """Return whether a line is of an event that is not in ``DETAILS``."""
    return json.loads(line)["event"] not in DETAILS


def test_events_are_printed_recorded_saved_and_exported(tmp_path: Path, segment: Segment) -> None:
    lnddir = tmp_path / "lnd"
    lnddir.mkdir()
    recording, database, port = tmp_path / "r.jsonl", tmp_path / "fitness.db", free_port()
    options = ["--record", str(recording), "--db", str(database), "--prometheus", str(port)]
    with FakeLnd() as lnd, Pipe() as output:
        lnd.answers = {LIST_CHANNELS: segment.answers[LIST_CHANNELS], LIST_PEERS: b""}
        with command(lnd, make_lnddir(lnddir), output, *options) as process:
            link = lnd.accept()
            lines = [output.read_line()]
            for sent in [*segment.before, *segment.after]:
                send(link, [sent])
            while sum(map(is_main, lines)) < len(segment.lines) - 1:
                lines.append(output.read_line())
            metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT)
            exported = metrics.read().decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
        lines += output.read_all().splitlines()

    file = DATA / "lnd-simnet-restarts.jsonl"
    expected = file.read_text().splitlines()[: len(segment.lines)]
    main = list(filter(is_main, lines))
    by_stream = [[keys(each) for each in some if ("peer_" in each)] for some in (main, expected)]
    assert by_stream[0] == by_stream[1]
    by_stream = [[keys(each) for each in some if ("channel_" in each)] for some in (main, expected)]
    assert by_stream[0] == by_stream[1]
    assert isinstance(parse_line(lines[-1].encode())[1], MonitoringPausedEvent)

    assert recording.read_text().splitlines() == lines
    with recording.open("rb") as opened:
        assert len(list(read(opened, "recording"))) == len(lines)
    assert "chanfitness_up 1.0" in exported
    assert exported.count("chanfitness_channel_lifetime_seconds{") == 6
    shown = subprocess.run(
        [sys.executable, "-m", "chanfitness", "show", str(database), "--json"],
        capture_output=True,
        check=True,
        timeout=TIMEOUT,
    )
    assert len(json.loads(shown.stdout)["channels"]) == 6
    for path in (recording, database):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_page_metrics_and_health_are_served_at_one_address(
    tmp_path: Path,
) -> None:
    lnddir, secret, port = tmp_path / "lnd", tmp_path / "secret", str(free_port())
    lnddir.mkdir()
    secret.write_text("sesame\n")
    options = ["--web", port, "--prometheus", port, "--web-password-file", str(secret)]

    def fetch(path: str, *headers: tuple[str, str]) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers))
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return str(answer.read().decode())

    with (
        FakeLnd() as lnd,
        Pipe() as output,
        command(lnd, make_lnddir(lnddir), output, *options) as process,
    ):
        while "monitoring_started" not in output.read_line():
            pass
        known = ("Authorization", "Basic OnNlc2FtZQ==")
        assert "<h1>Peers of this node</h1>" in fetch("/", known)
        assert "chanfitness_up 1.0" in fetch("/metrics", known)
        assert json.loads(fetch("/api/channels", known))["channels"] == []
        assert fetch("/healthz") == "ok\n"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch("/")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    where = f"http://127.0.0.1:{port}"
    assert f"a page at {where}/, metrics at {where}/metrics" in errors.decode()
    assert b"sesame" not in errors


def test_an_lnd_that_refuses_us_ends_it(tmp_path: Path) -> None:
    with FakeLnd() as lnd, Pipe() as output:
        lnddir = make_lnddir(tmp_path, b"\x02 another's macaroon")
        with command(lnd, lnddir, output) as process:
            _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert b"refuses the macaroon" in errors
    assert b"another's" not in errors
    assert b"another's".hex().encode() not in errors


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    with FakeLnd() as lnd, Pipe() as output, command(lnd, tmp_path, output) as process:
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert str(tmp_path / "tls.cert").encode() in errors
