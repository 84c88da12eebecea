"""``chanfitness watch lnd`` as a process, in a terminal or piped."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from chanfitness import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.recording.format import format_event, read

from ..support.stores import Call
from ..support.terminal import TIMEOUT, Terminal, rows_shown
from ..support.terminal_screen import after, pictures
from ..support.values import ALICE, BOB, CHANNEL_1, START, outpoint, vertex
from ..support.watch_sessions import Pipe

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SNAPSHOT = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])


class Child:
    """A process of the command, and the node that it watches."""

    def __init__(self, process: subprocess.Popen[bytes], node: Path) -> None:
        self.process = process
        self._pipe = Call(lambda: node.open("wb", 0)).result()

    def tell(self, *what: object) -> None:
        """Send the node's events, or lines of a recording."""
        for each in what:
            line = each if isinstance(each, str) else format_event(each, START)
            self._pipe.write(f"{line}\n".encode())

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        self._pipe.close()
        self.process.kill()
        self.process.wait(TIMEOUT)


@contextmanager
def watch(
    node: Path, *options: str, stdout: int, stderr: int, prefix: Sequence[str] = ()
) -> Iterator[Child]:
    """Run ``chanfitness watch lnd`` on a node driven by the test."""
    os.mkfifo(node)
    command = [
        sys.executable,
        "-m",
        "tests.support.watch_child",
        "watch",
        "lnd",
        "--rpcserver",
        str(node),
    ]
    kept = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*prefix, *command, *options],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env={"TERM": "xterm", **kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    child = Child(process, node)
    try:
        yield child
    finally:
        child.close()


@pytest.fixture(autouse=True)
def hangups_are_not_ignored() -> Iterator[None]:
    """Undo ``nohup``, which a child of the tests would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def output() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def errors() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


def events_of(path: Path) -> list[object]:
    with path.open("rb") as file:
        return [line.event for line in read(file, path.name)]


# Piped.


@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_ends_it_well_and_nothing_is_lost(
    number: signal.Signals, node: Path, output: Pipe, errors: Pipe, tmp_path: Path
) -> None:
    recording, database = tmp_path / "r.jsonl", tmp_path / "fitness.db"
    options = ["--record", str(recording), "--db", str(database)]
    flaps = [PeerOnlineEvent(BOB), PeerOfflineEvent(BOB)] * 50
    with watch(node, *options, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(SNAPSHOT, *flaps, PeerOfflineEvent(ALICE))
        while f"peer offline        {ALICE}" not in output.read_line():
            pass
        assert child.end(number) == 0
    assert output.read_all().endswith("  monitoring stopped\n")
    assert errors.read_all() == ""
    assert events_of(recording) == [
        *(SNAPSHOT, *flaps, PeerOfflineEvent(ALICE), MonitoringPausedEvent())
    ]
    assert [row["channel_point"] for row in rows_shown(str(database))] == [str(CHANNEL_1)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (recording, database)} == {0o600}


def test_a_failed_last_save_is_logged_and_the_exit_status(
    node: Path, output: Pipe, errors: Pipe, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    options = ["--db", str(directory / "fitness.db")]
    with watch(node, *options, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(SNAPSHOT)
        output.read_line()
        directory.rename(tmp_path / "away")
        assert child.end() == 1
    assert "could not be written at the stop: everything since" in errors.read_all()
    assert output.read_all().endswith("  monitoring stopped\n")


def test_in_json_the_lines_are_a_recording(node: Path, output: Pipe, errors: Pipe) -> None:
    with watch(node, "--json", stdout=output.writer, stderr=errors.writer) as child:
        child.tell(SNAPSHOT)
        lines = [output.read_line()]
        assert child.end() == 0
        lines += output.read_all().splitlines()
    read_back = list(read((line.encode() for line in lines), "stdout"))
    assert [line.event for line in read_back] == [SNAPSHOT, MonitoringPausedEvent()]


def test_a_node_that_refuses_us_is_an_error(node: Path, output: Pipe, errors: Pipe) -> None:
    with watch(node, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(SNAPSHOT, "refuse " + json.dumps("no macaroon \x1b[2J"))
        assert child.process.wait(TIMEOUT) == 2
        assert errors.read_all() == "chanfitness: no macaroon \\x1b[2J\n"


def test_a_closed_output_is_no_error(node: Path, output: Pipe, errors: Pipe) -> None:
    with watch(node, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(SNAPSHOT)
        output.read_line()
        output.stop_reading()
        assert child.process.wait(TIMEOUT) == 128 + signal.SIGPIPE
        assert errors.read_all() == ""


def test_an_ignored_hangup_is_no_end(node: Path, output: Pipe, errors: Pipe) -> None:
    """As by ``nohup``."""
    prefix = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    with watch(node, stdout=output.writer, stderr=errors.writer, prefix=prefix) as child:
        child.tell(SNAPSHOT)
        output.read_line()
        child.process.send_signal(signal.SIGHUP)
        child.tell(PeerOfflineEvent(ALICE))
        assert "peer offline" in output.read_line()
        assert child.end() == 0


# On a terminal.


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 50)])
def test_the_live_table_on_a_terminal(columns: int, lines: int, count: int, node: Path) -> None:
    channels = [OpenChannel(outpoint(number), vertex(number)) for number in range(count)]
    terminal = Terminal(columns, lines)
    nobody_is_awaited = ["--own-outage", "off"]
    with watch(node, *nobody_is_awaited, stdout=terminal.theirs, stderr=terminal.theirs) as child:
        child.tell(MonitoringResumedEvent(channels, [vertex(0)]))
        terminal.read_until(f"{count} channels, 1 of them online".encode())
        child.tell(PeerOnlineEvent(vertex(1)), "log " + json.dumps("alias \x1b[2J"))
        seen = terminal.read_until(b"alias \\x1b[2J")
        terminal.read_until(b"UTC", seen)  # until the picture is complete
        assert child.end(signal.SIGINT) == 0
    text = terminal.read_all()
    logged = "  chanfitness: alias \\x1b[2J"
    picture = next(each for each in pictures(text) if logged in "\n".join(each))
    (time,) = (line.partition(logged)[0] for line in picture if logged in line)
    assert re.fullmatch("[0-9]{2}(:[0-9]{2}){2}", time)
    assert picture[1].startswith(f"{count} channels, 2 of them online")
    assert (len(picture), max(map(len, picture)) <= columns) == (lines, True)
    rows = [line.split() for line in picture[3:] if "%" in line]
    assert len(rows) == (3 if count == 3 else lines - 8)
    assert (rows[0][2], rows[0][-4]) == ("off" if columns == 80 else "offline", "0.00%")
    if columns == 200:
        assert rows[0][:2] == ["00000000...0002:2", "02000000...0002"]
    assert (f"... and {count - len(rows)} more" in picture) is (count == 300)
    assert "peer online         0200" in "\n".join(picture[-5:] if count == 300 else picture)
    *table, sum_up, log_line = after(text).splitlines()
    assert table == pictures(text)[-1][: len(table)]
    assert sum_up.startswith("watched ")
    assert sum_up.endswith(f"s, {count} channels, not saved: no --db")
    assert log_line == "chanfitness: alias \\x1b[2J"


def test_the_end_prints_where_everything_was_saved(node: Path, tmp_path: Path) -> None:
    database = tmp_path / "fitness.db"
    terminal = Terminal(200)
    with watch(
        node, "--db", str(database), stdout=terminal.theirs, stderr=terminal.theirs
    ) as child:
        child.tell(SNAPSHOT)
        terminal.read_until(b"1 channel, 1 of them online")
        assert child.end(signal.SIGINT) == 0
    sum_up = after(terminal.read_all()).splitlines()[-1]
    assert sum_up.endswith(f", 1 channel, saved in {database}")


def test_the_end_prints_that_saving_failed(node: Path, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    database = directory / "fitness.db"
    terminal = Terminal(200)
    with watch(
        node, "--db", str(database), stdout=terminal.theirs, stderr=terminal.theirs
    ) as child:
        child.tell(SNAPSHOT)
        terminal.read_until(b"1 channel, 1 of them online")
        directory.rename(tmp_path / "away")
        assert child.end() == 1
    _, _, _, _, sum_up, *logged = after(terminal.read_all()).splitlines()
    assert f", 1 channel, not saved in {database} since 20" in sum_up
    assert "could not be written at the stop" in logged[-1]


def test_a_terminal_without_a_cursor_gets_lines(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal(80)
    with watch(node, stdout=terminal.theirs, stderr=terminal.theirs) as child:
        child.tell(SNAPSHOT)
        terminal.read_until(b"monitoring started")
        assert child.end() == 0
    assert "\x1b" not in terminal.read_all()
