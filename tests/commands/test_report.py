"""``chanfitness report``: its output, options and errors."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from chanfitness.commands.main import main

from ..support.made_up_peers import DAY, HOSTILE, HOUR, MadeUpPeer, make_database
from ..support.pages import Page
from ..support.terminal import run
from ..support.values import vertex

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path) -> str:
    peers = [MadeUpPeer("alice", offline=[(DAY, DAY + HOUR)]), MadeUpPeer(HOSTILE[0])]
    return str(make_database(tmp_path / "fitness.db", peers, 40 * DAY))


def test_a_page_is_written_to_a_file(database: str, tmp_path: Path, capsys: Printed) -> None:
    target = tmp_path / "report.html"
    assert main(["report", database, "-o", str(target), "--title", "My node"]) == 0
    page = Page(target.read_text(encoding="utf-8"))
    assert page.text.startswith("My node My node 2 of 2 peers online as of ")
    assert page.seconds(str(vertex(1)), "all") == 3600
    assert capsys.readouterr() == ("", "")
    assert gc.isenabled()


def test_a_page_is_written_to_standard_output(database: str) -> None:
    done = run("report", database)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "alice" in Page(done.stdout.decode()).text


def test_a_page_covers_only_the_requested_time(database: str, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert main(["report", database, "-o", str(target), "--since", "10d"]) == 0
    page = Page(target.read_text())
    assert {name for _, name in page.paths} == {"24h", "7d", "all"}
    assert page.seconds(str(vertex(1)), "all") == 0


def test_names_can_be_redacted(database: str, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert main(["report", database, "-o", str(target), "--redact"]) == 0
    page = target.read_text()
    for name in ("alice", "npp", str(vertex(1)), "02000", "70000"):
        assert name not in page
    assert "peer A" in page


def test_the_database_is_not_replaced(database: str, tmp_path: Path, capsys: Printed) -> None:
    link = tmp_path / "link"
    link.symlink_to(database)
    before = Path(database).read_bytes()
    for target in (database, str(link)):
        assert main(["report", database, "-o", target]) == 2
        assert capsys.readouterr().err == (
            f"chanfitness: the page would replace the database, {database}\n"
        )
    assert Path(database).read_bytes() == before


def test_unusable_files_are_named(database: str, tmp_path: Path, capsys: Printed) -> None:
    missing, folder = str(tmp_path / "none.db"), str(tmp_path / "no" / "report.html")
    assert main(["report", missing, "-o", missing]) == 2
    assert capsys.readouterr().err == f"chanfitness: {missing}: no such file\n"
    assert main(["report", database, "-o", folder]) == 2
    assert folder in capsys.readouterr().err
    assert not Path(missing).exists()
    assert gc.isenabled()
    with pytest.raises(SystemExit):
        main(["report", database, "--since", "soon"])
    assert "bad period 'soon'" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    for name in ("jinja2", "chanfitness.web.page", "chanfitness.commands.report"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["report", database]) == 2
    assert capsys.readouterr().err == (
        "chanfitness: jinja2 is not installed: pip install 'chanfitness[web]'\n"
    )
