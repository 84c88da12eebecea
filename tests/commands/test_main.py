"""The command line, as run by a person or a script."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest

from chanfitness import MonitoringResumedEvent, OpenChannel, PeerOfflineEvent, PeerOnlineEvent
from chanfitness.commands.arguments import parse
from chanfitness.commands.main import main
from chanfitness.recording.format import format_event

from ..support.terminal import COMMAND, TIMEOUT, Terminal, run, shown_on_terminal, start
from ..support.terminal_screen import uncoloured
from ..support.values import ALICE, BOB, CAROL, CHANNEL_1, SECOND, START

RECORDING = str(resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl")


def test_replay_prints_aligned_text_when_piped() -> None:
    done = run("replay", RECORDING)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert lines[0] == "6 open channels as of 2026-11-22T11:23:43.419816Z"
    assert len(lines) == 8
    assert lines[1].split() == [
        "CHANNEL",
        "POINT",
        "PEER",
        "LIFETIME",
        "UPTIME",
        "ONLINE",
        "USABLE",
    ]
    assert len({len(line) for line in lines[1:]}) == 1


def test_replay_reads_standard_input() -> None:
    done = run("replay", "-", stdin=Path(RECORDING).read_bytes())
    assert (done.returncode, done.stdout) == (0, run("replay", RECORDING).stdout)


def test_json_is_one_object_with_exact_seconds() -> None:
    answer = json.loads(run("replay", RECORDING, "--json").stdout)
    assert list(answer) == ["as_of", "more", "channels"]
    assert answer["more"] == 0
    assert answer["as_of"] == "2026-11-22T11:23:43.419816Z"
    ratios = [channel["uptime_ratio"] for channel in answer["channels"]]
    assert ratios == sorted(ratios)
    assert answer["channels"][0] == {
        "channel_point": "235efc02ee51774623cc199281b4d8532e540e300479fdb6e44f6186ecf11814:0",
        "peer": "0374668574154ab89af2188c1465e6bb423215760464d31c870f7bc08c10e97e20",
        "lifetime_seconds": 299.76027,
        "uptime_seconds": 268.740384,
        "uptime_ratio": 268.740384 / 299.76027,
        "alias": None,
        "short_channel_id": None,
        "transport": None,
        "active": None,
        "usable_seconds": 268.740384,
        "unusable_seconds": 0.0,
        "usable_ratio": 268.740384 / 299.76027,
        "capacity": None,
        "private": None,
    }


def test_replay_can_end_at_an_earlier_moment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", RECORDING, "--at", "2026-11-22T12:18:38+01:00"]) == 0
    assert capsys.readouterr().out.startswith("1 open channel as of 2026-11-22T11:18:38.000000Z")


def test_a_recording_without_open_channels_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", RECORDING, "--at", "2026-11-22T11:18:34Z"]) == 0
    assert capsys.readouterr().out == "0 open channels as of 2026-11-22T11:18:34.000000Z\n"


@pytest.mark.parametrize("command", [["replay", "recording"], ["watch", "lnd"]])
@pytest.mark.parametrize(
    ("given", "meant"), [(None, 90), (["--own-outage", "5m"], 300), (["--own-outage", "off"], None)]
)
def test_the_option_own_outage_sets_the_detection(
    command: list[str], given: list[str] | None, meant: int | None
) -> None:
    options = parse([*command, *(given or [])])
    assert options.own_outage == (None if meant is None else timedelta(seconds=meant))


def test_a_bad_period_of_own_outages_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", RECORDING, "--own-outage", "long"])
    assert "argument --own-outage: bad period 'long': expected one like 90s, or off" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(("option", "lifetime"), [([], 30.0), (["--own-outage", "off"], 40.0)])
def test_a_replay_detects_own_outages_as_watch_does(
    option: list[str], lifetime: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording.jsonl"
    lines: list[tuple[int, object]] = [
        (0, MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB, CAROL])),
        *[(20, PeerOfflineEvent(peer)) for peer in (ALICE, BOB, CAROL)],
        (30, PeerOnlineEvent(ALICE)),
        (40, PeerOnlineEvent(BOB)),
    ]
    recording.write_text(
        "".join(format_event(event, START + seconds * SECOND) + "\n" for seconds, event in lines)
    )
    assert main(["replay", str(recording), "--json", *option]) == 0
    (channel,) = json.loads(capsys.readouterr().out)["channels"]
    assert (channel["lifetime_seconds"], channel["uptime_seconds"]) == (lifetime, 30.0)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("2026-11-22T11:00:00Z", ":1: begins at"),
        ("2027-01-01T00:00:00Z", ":31: ends at"),
        ("noon", "bad time 'noon'"),
    ],
)
def test_a_bad_moment_is_an_error(moment: str, reason: str) -> None:
    done = run("replay", RECORDING, "--at", moment)
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in done.stderr.decode()


def test_a_bad_line_ends_a_replay_without_partial_output(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(Path(RECORDING).read_bytes() + b"{}\n")
    done = run("replay", str(bad))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"chanfitness: {bad}:32: no field 'at' in {{}}\n"


def test_a_bad_line_of_standard_input_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    done = run("replay", "-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"chanfitness: <stdin>:1: empty: expected a monitoring_started\n"


def test_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "no-such-file"]) == 2
    assert "No such file or directory: 'no-such-file'" in capsys.readouterr().err


def test_bad_arguments_are_an_error() -> None:
    with pytest.raises(SystemExit) as raised:
        main(["repaly"])
    assert raised.value.code == 2


def test_a_closed_output_is_not_an_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as output:
        done = subprocess.run(
            [*COMMAND, "replay", RECORDING],
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            check=False,
        )
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_ctrl_c_before_the_handlers_are_installed_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def fileno(self) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert main(["replay", "-"]) == 128 + signal.SIGINT


@pytest.mark.parametrize(
    ("columns", "options", "point", "lines_a_row"),
    [
        (40, [], "edb0c8f7...22b3:0", 2),
        (80, [], "edb0c8f7...22b3:0", 1),
        (200, [], "edb0c8f7...22b3:0", 1),
        (200, ["--full"], "edb0c8f74c3d51b66a76f0260bfd6357b80b8bd54951f485a2c1efbc3d7122b3:0", 1),
    ],
)
def test_a_table_fits_the_terminal(
    columns: int, options: list[str], point: str, lines_a_row: int
) -> None:
    text = shown_on_terminal("replay", RECORDING, *options, columns=columns)
    lines = uncoloured(text).splitlines()
    assert max(map(len, lines)) <= columns
    lines = lines[1 if columns > 40 else 2 :]
    assert len(lines) == 7 * lines_a_row
    assert any(line.startswith(point) for line in lines)
    assert {line.count("%") for line in lines[lines_a_row:]} <= {0, 2}


def long_recording(lines: int) -> bytes:
    first = b'{"at": "2026-01-01T00:00:00Z", "event": "monitoring_started", '
    first += b'"open_channels": [], "online_peers": []}\n'
    peer = b"02" + b"ab" * 32
    line = b'{"at": "2026-01-01T00:00:01Z", "event": "peer_online", "peer": "' + peer + b'"}\n'
    return first + line * lines


def test_a_long_file_shows_progress_on_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_bytes(long_recording(20_000))
    text = shown_on_terminal("replay", str(file), "--utc", columns=80)
    assert "replaying: 100%" in text
    assert text.endswith("\r\x1b[K0 open channels as of 2026-01-01T00:00:01.000000Z\r\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_input(number: signal.Signals) -> None:
    terminal = Terminal(80)
    with start(["replay", "-"], terminal) as process:
        assert process.stdin is not None
        feeder = threading.Thread(target=process.stdin.write, args=[long_recording(20_000)])
        feeder.start()
        terminal.read_until(b"replaying: 2 MiB")
        feeder.join(TIMEOUT)
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 128 + number
    text = terminal.read_all()
    assert "Traceback" not in text
    assert "open channels" not in text


def run_without(stream: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a shell that closes a standard stream, as with ``>&-``."""
    words = shlex.join([*COMMAND, *arguments])
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {words} {stream}"],
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_missing_standard_streams_are_tolerated(tmp_path: Path) -> None:
    database = str(tmp_path / "db")
    done = run_without(">&-", "replay", RECORDING, "--db", database)
    assert (done.returncode, done.stderr) == (0, b"")
    assert main(["show", database]) == 0
    assert run_without("2>&-", "replay", RECORDING).stdout == run("replay", RECORDING).stdout
    lost = run_without("2>&-", "replay", "/nowhere")
    assert (lost.returncode, lost.stdout) == (2, b"")
    empty = run_without("<&-", "replay", "-")
    assert empty.returncode == 2
    assert empty.stderr.startswith(b"chanfitness: <stdin>:1: empty")


def test_a_database_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", RECORDING, "--db", ""]) == 2
    assert capsys.readouterr().err == "chanfitness: bad path '': expected a file's name\n"
