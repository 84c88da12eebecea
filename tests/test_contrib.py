"""The files under contrib/, checked by the programs that read them."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chanfitness.commands.arguments import parse
from chanfitness.exporter import serve
from chanfitness.testing import FakeNode

from .support.http_clients import LOCAL, get
from .support.prometheus import CONTRIB, needs_contrib, program
from .support.stores import WAIT

pytestmark = needs_contrib

RULES = CONTRIB / "prometheus/chanfitness.rules.yml"
RULES_TEST = CONTRIB / "prometheus/chanfitness.rules.test.yml"
UNITS = sorted(CONTRIB.glob("systemd/*.service"))
MAXIMUM_EXPOSED = 15
"""Exposure threshold of ``systemd-analyze security``, 0 to 100; systemd 252 reports 9 and 10."""


def check(*command: str, given: str = "") -> str:
    """Return the output of a program that must accept its input ``given``."""
    ended = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=WAIT, check=False
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    return output


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", str(RULES)),
        (
            "check",
            "config",
            "--lint=all",
            "--lint-fatal",
            str(CONTRIB / "prometheus/prometheus.yml"),
        ),
        ("test", "rules", str(RULES_TEST)),
    ],
    ids=["rules", "config", "tests of the rules"],
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    assert "SUCCESS" in check(program("promtool"), *arguments)


@pytest.mark.parametrize("name", [None, "alice"])
def test_promtool_is_content_with_a_scrape(name: str | None) -> None:
    with FakeNode() as node, serve(node.store, LOCAL, node=name) as server:
        node.open_channel(node.new_peer(online=True))
        node.advance(hours=1)
        scrape = get(server)
    assert check(program("promtool"), "check", "metrics", given=scrape) == ""


def test_each_rule_is_tested() -> None:
    """Each alert: when it fires, and when it does not yet, or not any more."""
    tests = RULES_TEST.read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        cases = re.findall(rf"alertname: {alert}\n +eval_time: \w+\n +(\S+)", tests)
        assert "exp_alerts:" in cases
        assert set(cases) != {"exp_alerts:"}
    for record in re.findall(r"- record: (\S+)", RULES.read_text()):
        assert record in RULES.read_text().replace(f"record: {record}", "") or record in tests


# The dashboard


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CONTRIB / "grafana/chanfitness.json").read_text())
    return loaded


def test_each_panel_says_what_it_is_and_asks_the_chosen_source() -> None:
    panels = dashboard()["panels"]
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        for asking in (panel, *panel["targets"]):
            assert asking["datasource"] == source
        assert all("$node" in target["expr"] for target in panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {each["name"]: each for each in dashboard()["templating"]["list"]}
    assert variables.keys() == {"datasource", "node", "instance"}
    assert variables["datasource"]["type"] == "datasource"


def test_a_share_is_shown_as_all_only_if_it_is_all() -> None:
    """Grafana rounds: shares are cut to as many digits as it shows, or to less."""
    shown = 0
    for panel in dashboard()["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        targets = panel["targets"] if defaults.get("unit") == "percentunit" else []
        decimals = defaults.get("decimals", 0)
        for override in panel["fieldConfig"]["overrides"]:
            properties = {each["id"]: each["value"] for each in override["properties"]}
            if properties.get("unit") == "percentunit":
                assert override["matcher"] == {"id": "byRegexp", "options": "(Uptime|Usable).*"}
                names = panel["transformations"][1]["options"]["renameByName"]
                targets = [
                    each
                    for each in panel["targets"]
                    if names[f"Value #{each['refId']}"].startswith(("Uptime", "Usable"))
                ]
                decimals = properties["decimals"]
        for target in targets:
            shown += 1
            assert re.fullmatch(r"floor\(.+ \* 10000\) / 10000", target["expr"])
            assert decimals >= 2
    assert shown == 7


def test_no_two_panels_overlap() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )


# The systemd units


def started(path: Path) -> list[str]:
    """The command of the unit at ``path``."""
    (command,) = re.findall(r"(?m)^ExecStart=((?:.*\\\n)*.*)$", path.read_text())
    return str(command).replace("\\\n", " ").split()


@pytest.fixture(params=UNITS, ids=[path.name for path in UNITS])
def path(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


@pytest.fixture
def unit(path: Path, tmp_path: Path) -> str:
    """The unit, for a command that is on this machine."""
    text, replaced = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", path.read_text())
    assert replaced == 1
    copy = tmp_path / path.name
    copy.write_text(text)
    return str(copy)


def systemd_analyze() -> str:
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("there is no systemd-analyze here")
    return path


def test_systemd_understands_all_of_the_unit(unit: str) -> None:
    assert check(systemd_analyze(), "verify", "--man=no", unit) == ""


def test_the_unit_is_hardly_exposed(unit: str) -> None:
    printed = check(
        systemd_analyze(), "security", "--offline=yes", f"--threshold={MAXIMUM_EXPOSED}", unit
    )
    assert "Overall exposure level" in printed


def test_the_command_of_the_unit_is_valid(path: Path) -> None:
    options = parse(started(path)[1:])
    assert options.db == "${STATE_DIRECTORY}/fitness.db"
    assert options.prometheus == "127.0.0.1:9789"


def test_the_unit_of_lnd_needs_no_access_to_the_nodes_directory() -> None:
    unit = CONTRIB / "systemd/chanfitness-lnd.service"
    lines = unit.read_text().splitlines()
    loaded = [line for line in lines if line.startswith("LoadCredential=")]
    assert all("/lnd/" in line for line in loaded)
    command = " ".join(started(unit))
    assert "/lnd/" not in command
    assert "admin" not in "".join(loaded)
    for credential in loaded:
        name = credential.removeprefix("LoadCredential=").partition(":")[0]
        assert f"${{CREDENTIALS_DIRECTORY}}/{name} " in command
