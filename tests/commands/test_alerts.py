"""Alerts of the commands watch and replay, and the command that tests their delivery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.alerts import KINDS, Alerts, Message
from chanfitness.commands.main import main
from chanfitness.recording.format import format_event

from ..support.paths import ROOT
from ..support.receivers import HttpReceiver
from ..support.stores import WAIT, Call
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, START, outpoint, vertex
from ..support.watch_sessions import FakeSource, Pipe, happen, source, watching
from .test_watch_command import errors, node, output, watch

__all__ = ["errors", "node", "output", "source"]

Printed = pytest.CaptureFixture[str]
HOUR = timedelta(hours=1)
SECRETS = ("hidden-user", "hidden-password", "hidden-token")


@pytest.fixture(autouse=True)
def no_urls_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHANFITNESS_ALERT_TO", raising=False)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The file to which :func:`command` appends messages."""
    return tmp_path / "told.jsonl"


def command(told: Path) -> str:
    code = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
    return f'{sys.executable} -c "{code}" {told}'


def messages(told: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


# The test.


def test_the_test_sends_a_message_of_each_kind(
    told: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["alerts", "test", "--alert-command", command(told)]) == 0
    sent = messages(told)
    assert [each["kind"] for each in sent] == list(KINDS)
    assert all(each["text"].startswith("test: ") and "\n" not in each["text"] for each in sent)
    assert [each["at"] for each in sent] == [sent[0]["at"]] * len(KINDS)
    assert caplog.text.count("to command: delivered") == len(KINDS)


def test_the_test_skips_kinds_that_are_left_out(told: Path) -> None:
    options = [option for kind in KINDS[1:] for option in ("--alert-without", kind)]
    assert main(["alerts", "test", "--alert-command", command(told), *options]) == 0
    assert [each["kind"] for each in messages(told)] == [KINDS[0]]


def test_the_test_lists_undelivered_messages(capfd: Printed) -> None:
    only = [option for kind in KINDS[1:] for option in ("--alert-without", kind)]
    assert main(["alerts", "test", "--alert-command", "ls /nowhere", *only]) == 2
    printed = capfd.readouterr().err
    assert "undelivered alerts: peer_down to command: ended with status" in printed
    assert "No such file or directory" in printed  # the command's own error


HEED_SIGINT = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    " os.execv(sys.argv[1], sys.argv[1:])",
]
"""Also where this process ignores the signal, as in the background of a script."""


def test_ctrl_c_ends_the_test_and_its_command(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = "import os, signal, sys; os.open(sys.argv[1], os.O_WRONLY); signal.pause()"
    options = ["--alert-command", f'{sys.executable} -c "{code}" {fifo}']
    words = [sys.executable, "-m", "chanfitness", "alerts", "test", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*HEED_SIGINT, *words], env=environment) as process:
        with fifo.open("rb") as pipe:
            process.send_signal(signal.SIGINT)
            assert pipe.read() == b""  # the end of the file: the command has ended
        assert process.wait(WAIT) == 128 + signal.SIGINT


@pytest.mark.parametrize("how", ["option", "file", "environment"])
def test_urls_are_found_but_never_shown(
    how: str,
    tmp_path: Path,
    capfd: Printed,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, password, token = SECRETS
    only = [option for kind in KINDS[1:] for option in ("--alert-without", kind)]
    with HttpReceiver() as receiver:
        url = f"json://{user}:{password}@127.0.0.1:{receiver.port}/{token}"
        options = []
        if how == "option":
            options = ["--alert-to", url]
        elif how == "file":
            (tmp_path / "urls").write_text(f"# mine\n{url}\n")
            options = ["--alert-to", f"@{tmp_path / 'urls'}"]
        else:
            monkeypatch.setenv("CHANFITNESS_ALERT_TO", url)
        assert main(["alerts", "test", *options, *only]) == 0
        assert receiver.get().path == f"/{token}"
        receiver.status = 500
        assert main(["alerts", "test", *options, *only]) == 2
    printed = f"{capfd.readouterr()} {caplog.text}"
    assert "peer_down to url-1: the service refused it" in printed
    assert not [secret for secret in SECRETS if secret in printed]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["alerts", "test"],
            "no receiver of alerts: expected --alert-command, --alert-to, or URLs in",
        ),
        (["alerts", "test", "--alert-to", "hidden-token"], "apprise cannot use URL 1"),
        (["alerts", "test", "--alert-command", "'hidden-token"], "bad alert command: No closing"),
        (["alerts", "test", "--alert-to", "@nowhere"], "nowhere: cannot read URLs for alerts: No"),
        (["watch", "lnd", "--alert-after", "6h"], "--alert-after without a receiver: expected"),
        (["watch", "lnd", "--alert-to", "hidden-token"], "apprise cannot use URL 1"),
        (["replay", "FILE", "--alert-command", "true"], "--alert-command needs --alert-after"),
        (
            ["replay", "FILE", "--alert-after", "1h", "--alert-command", "'hidden-token"],
            "bad alert command: No closing",
        ),
    ],
)
def test_bad_options_are_named_without_secrets(
    arguments: Sequence[str], reason: str, recording: Path, capfd: Printed
) -> None:
    given = [str(recording) if each == "FILE" else each for each in arguments]
    assert main(given) == 2
    printed = capfd.readouterr().err
    assert reason in printed
    assert "hidden" not in printed


@pytest.mark.parametrize("option", ["--alert-after=soon", "--alert-without=rain"])
def test_bad_values_are_refused(option: str, capfd: Printed) -> None:
    with pytest.raises(SystemExit):
        main(["watch", "lnd", option])
    assert option.partition("=")[0] in capfd.readouterr().err


# A replay.


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two channels: Alice is offline for seven hours; Bob's channel moves and then closes."""
    path = tmp_path / "recording.jsonl"
    snapshot = MonitoringResumedEvent(
        [OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, BOB)], [ALICE, BOB]
    )
    write(
        path,
        (0, snapshot),
        (1, PeerOfflineEvent(ALICE)),
        (2, ChannelMovedEvent(CHANNEL_2, CHANNEL_3, BOB)),
        (8, PeerOnlineEvent(ALICE)),
        (8.5, ClosedChannelEvent(CHANNEL_3, BOB)),
        (9, PeerOnlineEvent(BOB)),
    )
    return path


def write(path: Path, *events: tuple[float, object]) -> None:
    path.write_text("".join(f"{format_event(each, START + at * HOUR)}\n" for at, each in events))


def test_a_replay_sends_the_alerts_of_the_recording(
    recording: Path, told: Path, capfd: Printed
) -> None:
    arguments = ["replay", str(recording)]
    assert main(arguments) == 0
    table = capfd.readouterr().out
    arguments += ["--alert-after", "6h", "--alert-command", command(told)]
    assert main(arguments) == 0
    assert capfd.readouterr().out == table
    sent = messages(told)
    assert [(each["kind"], each["at"]) for each in sent] == [
        ("peer_down", "2026-01-01T07:00:00.000000Z"),
        ("peer_back", "2026-01-01T08:00:00.000000Z"),
        ("channel_closed", "2026-01-01T08:30:00.000000Z"),
    ]
    assert sent[0]["since"] == "2026-01-01T01:00:00.000000Z"


def test_without_a_command_a_replay_logs_alerts(
    recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = ["--alert-after", "6h", "--alert-without", "channel_closed"]
    assert main(["replay", str(recording), *options, "--at", "2026-01-01T07:30:00Z"]) == 0
    (record,) = caplog.records
    assert record.getMessage().startswith("2026-01-01T07:00:00Z peer_down: peer 02000000...0001")


def test_a_failing_command_ends_a_replay(recording: Path, capfd: Printed) -> None:
    options = ["--alert-after", "6h", "--alert-command", "false"]
    assert main(["replay", str(recording), *options]) == 2
    assert "the alert command ended with status 1" in capfd.readouterr().err


def test_a_hundred_peers_in_a_replay_give_twenty_messages_and_a_count(
    told: Path, tmp_path: Path
) -> None:
    """Even if the recording ends at once."""
    peers = [vertex(number) for number in range(101)]
    channels = [OpenChannel(outpoint(number), peer) for number, peer in enumerate(peers)]
    recording = tmp_path / "recording.jsonl"
    write(
        recording,
        (0, MonitoringResumedEvent(channels, peers)),
        *((1, PeerOfflineEvent(peer)) for peer in peers[1:]),
        (7, PeerOnlineEvent(peers[0])),
    )
    arguments = ["replay", str(recording), "--alert-after", "6h"]
    assert main([*arguments, "--alert-command", command(told)]) == 0
    sent = messages(told)
    assert [each["kind"] for each in sent] == ["peer_down"] * 20 + ["more"]
    assert sent[-1]["text"] == "80 more: 80 peer_down"


def test_blind_time_between_recordings_is_reported(
    recording: Path, told: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later.jsonl"
    write(later, (20, MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])))
    arguments = ["replay", str(recording), str(later), "--alert-after", "8h"]
    assert main([*arguments, "--alert-command", command(told)]) == 0
    assert [(each["kind"], each["at"]) for each in messages(told)] == [
        ("channel_closed", "2026-01-01T08:30:00.000000Z"),
        ("blind", "2026-01-01T09:05:00.000000Z"),
        ("blind_end", "2026-01-01T20:00:00.000000Z"),
    ]


# Watching.


@pytest.fixture
def phone() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


def test_watch_sends_alerts_and_stops_in_time(source: FakeSource, phone: Pipe) -> None:
    def tell(message: Message) -> None:
        os.write(phone.writer, message.line().encode())

    alerts = Alerts(tell, after=timedelta(seconds=1))
    with watching(source, alerts=alerts) as session:
        session.output.read_line()
        alerts.look()
        happen(source, session, ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE))
        alerts.look()
        happen(source, session, PeerOfflineEvent(ALICE))
        source.clock.advance(timedelta(hours=1))
        alerts.look()
        assert json.loads(phone.read_line())["channels"] == [str(CHANNEL_2)]
        begun = time.monotonic()
        session.end()
        assert time.monotonic() - begun < 1


def test_two_options_enable_alerts(
    node: Path, output: Pipe, errors: Pipe, tmp_path: Path, told: Path
) -> None:
    """In a process of its own, with and without a database; secrets appear nowhere."""
    user, password, token = SECRETS
    database, urls = tmp_path / "fitness.db", tmp_path / "urls"
    snapshot = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    with HttpReceiver() as receiver:
        urls.write_text(f"json://{user}:{password}@127.0.0.1:{receiver.port}/{token}")
        options = ["--alert-after", "1s", "--alert-to", f"@{urls}", "--db", str(database)]
        with watch(node, *options, stdout=output.writer, stderr=errors.writer) as child:
            child.tell(snapshot)
            output.read_line()
            child.tell(PeerOfflineEvent(ALICE))
            request = receiver.get()
            shown = Path(f"/proc/{child.process.pid}/cmdline").read_bytes()
            assert child.end() == 0
    assert "offline 1 s" in json.loads(request.body)["message"]
    files = b"".join(each.read_bytes() for each in tmp_path.glob("fitness.db*"))
    said = f"{output.read_all()} {errors.read_all()} {shown!r} {files!r}"
    assert not [secret for secret in SECRETS if secret in said]


def test_an_own_outage_is_exactly_one_message(
    node: Path, output: Pipe, errors: Pipe, tmp_path: Path
) -> None:
    fifo, told = tmp_path / "fifo", tmp_path / "told"
    os.mkfifo(fifo)
    code = (
        "import sys; line = sys.stdin.read(); open(sys.argv[1], 'a').write(line);"
        "open(sys.argv[2], 'w').write(line)"
    )
    peers = [vertex(number) for number in range(30)]
    channels = [OpenChannel(outpoint(number), peer) for number, peer in enumerate(peers)]
    options = ["--alert-after", "1s", "--db", str(tmp_path / "fitness.db")]
    options += ["--alert-command", f'{sys.executable} -c "{code}" {told} {fifo}']
    with watch(node, *options, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(MonitoringResumedEvent(channels, peers))
        output.read_line()
        child.tell(*map(PeerOfflineEvent, peers))
        message = json.loads(Call(fifo.read_text).result())
        assert message["kind"] == "own_outage"
        assert child.end() == 0
    assert [each["kind"] for each in messages(told)] == ["own_outage"]


def test_a_hanging_command_does_not_delay_the_end(
    node: Path, output: Pipe, errors: Pipe, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = "import os, signal, sys; os.open(sys.argv[1], os.O_WRONLY); signal.pause()"
    options = ["--alert-after", "1s", "--alert-command", f'{sys.executable} -c "{code}" {fifo}']
    snapshot = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    with watch(node, *options, stdout=output.writer, stderr=errors.writer) as child:
        child.tell(snapshot)
        output.read_line()
        child.tell(PeerOfflineEvent(ALICE))
        with fifo.open("rb") as pipe:
            begun = time.monotonic()
            assert child.end() == 0
            assert time.monotonic() - begun < WAIT / 10
            assert pipe.read() == b""  # the end of the file: the command has ended too
    assert errors.read_all() == "chanfitness: undelivered alerts: 1, lost\n"
