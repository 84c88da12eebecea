"""The documentation names the options, fields and files that exist, and all of them."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from chanfitness import MonitoringPausedEvent, MonitoringResumedEvent, OpenChannel, SqliteStorage
from chanfitness.alerts import KINDS
from chanfitness.alerts.messages import MORE, PEER_BACK
from chanfitness.alerts.samples import samples
from chanfitness.commands.arguments import make_parser
from chanfitness.commands.main import main
from chanfitness.core.blind_spans import CAUSES
from chanfitness.events import EVENTS
from chanfitness.exporter import serve
from chanfitness.recording.format import format_event
from chanfitness.testing import FakeNode

from .support.cln_messages import channel_id, channels, entry, peers
from .support.documents import (
    DOCUMENTS,
    PAGES,
    README,
    column_after,
    first_column,
    literals,
    table_after,
)
from .support.fake_lightningd import RpcServer
from .support.http_clients import LOCAL, get
from .support.paths import ROOT
from .support.plugin_process import plugin_here
from .support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2

COMMANDS = DOCUMENTS["docs/commands.rst"]
SAMPLE = str(ROOT / "chanfitness/recording/samples/lnd-simnet.jsonl")
OF_OTHERS = {"--help", "--profile"}
"""The options of all commands, and one of the benchmarks."""


# Options


def leaves(parser: argparse.ArgumentParser, *path: str) -> Iterator[tuple[str, set[str]]]:
    """Return each command without subcommands: its name, and its options."""
    options: set[str] = set()
    subparsers = {}
    for action in parser._actions:
        options |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            subparsers = action.choices
    if not subparsers:
        yield " ".join(path), options
    for name, subparser in subparsers.items():
        yield from leaves(subparser, *path, name)


def test_the_reference_has_the_options_of_each_command() -> None:
    """Sphinx generates them from the parser, by a directive for each command."""
    assert sorted(re.findall(r":path: (.+)", COMMANDS)) == sorted(
        name for name, _ in leaves(make_parser())
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_option_in_a_text_exists(name: str) -> None:
    known = OF_OTHERS.union(["--version"], *(options for _, options in leaves(make_parser())))
    text = "\n".join(literals(DOCUMENTS[name]))
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) <= known


# Fields


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that has rows for each view."""
    path = tmp_path_factory.mktemp("documented") / "fitness.db"
    with FakeNode(history=timedelta(days=90), storage=SqliteStorage(path)) as node:
        opened = [node.open_channel(node.new_peer(online=True)) for _ in range(6)]
        node.advance(days=20)
        node.peer_offline(opened[0].peer)
        node.advance(days=20)
        node.close_channel(opened.pop())
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
        online = [channel.peer for channel in opened[1:]]
        node.peer_notifier.send_update(MonitoringResumedEvent(opened, online))
        node.advance(hours=1)
    return str(path)


VIEWS = {
    "channels": ["show", "{db}"],
    "peers": ["show", "{db}", "--peers"],
    "outages": ["show", "{db}", "--outages"],
    "blind": ["show", "{db}", "--blind"],
    "closed_channels": ["show", "{db}", "--closed"],
    "advice": ["show", "{db}", "--advice"],
    "hours": ["show", "{db}", "02", "--by", "hour"],
    "replay": ["replay", SAMPLE],
}


def printed(database: str, view: str, form: str, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = [word.format(db=database) for word in VIEWS[view]]
    if view == "hours":
        arguments[2] = str(FakeNode().new_peer())
    assert main([*arguments, form]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("view", VIEWS)
def test_the_reference_has_each_field(
    view: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer: dict[str, Any] = json.loads(printed(database, view, "--json", capsys))
    kind = "channels" if view == "replay" else view
    fields = first_column(COMMANDS, f"fields-{view}")
    assert list(answer[kind][0]) == fields
    of_object = first_column(COMMANDS, "fields-object")
    of_a_replay = [name for name in of_object if name not in ("age_seconds", "sees")]
    expected = of_a_replay if view == "replay" else of_object
    assert [name for name in answer if name != kind] == expected
    heads = next(csv.reader(io.StringIO(printed(database, view, "--csv", capsys))))
    assert heads == [*fields, *(name for name in expected if name != "more")]


def test_the_reference_has_each_field_of_the_plugin(tmp_path: Path) -> None:
    with RpcServer(tmp_path) as rpc:
        listed = entry(channel_id(1), CHANNEL_1, ALICE)
        rpc.listings = {"listpeers": peers(ALICE), "listpeerchannels": channels(listed)}
        with plugin_here(tmp_path) as wire:
            answer = wire.result("chanfitness")
            of_peer = wire.result("chanfitness-peer", str(ALICE))
            history = wire.result("chanfitness-history", str(CHANNEL_1))
            manifest = wire.result("getmanifest")
    for label, given in (
        ("chanfitness", answer),
        ("channels", answer["channels"][0]),
        ("peer", of_peer),
        ("history", history),
    ):
        assert first_column(COMMANDS, f"fields-plugin-{label}") == list(given)
    table = column_after(DOCUMENTS["docs/core-lightning.rst"], "\nOptions\n")
    assert sorted(table) == sorted(option["name"] for option in manifest["options"])


def test_the_alerts_have_the_documented_fields_and_kinds() -> None:
    text = DOCUMENTS["docs/alerts.rst"]
    message, *_ = samples()
    assert sorted(first_column(text, "fields-alert")) == sorted(message.fields())
    assert sorted(column_after(text, "\nKinds\n")) == sorted({*KINDS, PEER_BACK, MORE})


def test_the_causes_of_blind_time_are_documented() -> None:
    table = column_after(DOCUMENTS["docs/why.rst"])
    assert sorted(table) == sorted([*CAUSES, "-"])


def test_the_lines_of_a_recording_are_documented() -> None:
    values: dict[str, Any] = {
        "channel_point": CHANNEL_1,
        "new_channel_point": CHANNEL_2,
        "peer": BOB,
        "open_channels": [OpenChannel(CHANNEL_1, ALICE)],
        "online_peers": [ALICE],
    }
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    table = table_after(DOCUMENTS["docs/recordings.rst"], "\nLines\n")
    for event in EVENTS:
        names: tuple[str, ...] = event._fields
        made = event(**{name: values[name] for name in names if name in values})
        line = json.loads(format_event(made, at))
        kind, fields = line["event"], set(line) - {"at", "event"}
        (row,) = re.findall(rf"^``{kind}``.*\n(?:  .*\n)*", table, re.MULTILINE)
        assert set(literals(row)) == {kind, *fields}


def test_each_metric_is_documented() -> None:
    with FakeNode() as node, serve(node.store, LOCAL) as server:
        channel = node.open_channel(node.new_peer(online=True))
        node.channel_active(channel)
        node.describe_peer(channel.peer, alias="a", transport="tor")
        node.describe_channel(channel, short_channel_id="700000x1x0", private=False)
        node.advance(hours=1)
        scrape = get(server)
    names = set(re.findall(r"^(chanfitness_\w+)", scrape, re.MULTILINE))
    assert set(column_after(DOCUMENTS["docs/prometheus.rst"], "\nSeries\n")) == names


# Links


def test_each_link_of_the_readme_leads_to_a_file() -> None:
    text = README.read_text()
    targets = dict(re.findall(r"^\.\. _(.+): (\S+)$", text, re.MULTILINE))
    used = set(re.findall(r"`([^`]+)`_(?!\w)", text)) | set(re.findall(r"\b(lnd)_\b", text))
    assert used == set(targets)
    ours = {target for target in targets.values() if "://" not in target}
    assert all((ROOT / target).is_file() for target in ours)
    assert {ROOT / target for target in ours} >= {
        path for path in PAGES if path.name not in ("index.rst",)
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_file_that_is_named_exists(name: str) -> None:
    """Only files of the project are checked."""
    folders = ("chanfitness/", "contrib/", "docs/", "tests/", "benchmarks/")
    for literal in literals(DOCUMENTS[name]):
        if literal.startswith(folders) and "NAME" not in literal and literal != "docs/build":
            assert (ROOT / literal).exists() or literal.endswith(".go"), literal


def test_the_front_page_stays_in_the_pages() -> None:
    assert "README" not in DOCUMENTS["docs/index.rst"]
    assert "://" not in DOCUMENTS["docs/index.rst"]
