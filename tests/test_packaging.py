"""Packaging: the container image, compose files, the reckless folder, release checks."""

from __future__ import annotations

import ast
import configparser
import datetime
import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import chanfitness
from chanfitness import exporter
from chanfitness.commands.arguments import parse
from chanfitness.testing import FakeNode
from chanfitness.web.application import serve

from .support.http_clients import LOCAL
from .support.paths import ROOT
from .support.prometheus import CONTRIB, needs_contrib
from .support.stores import WAIT

pytestmark = needs_contrib

DOCKERFILE = CONTRIB / "docker/Dockerfile"
COMPOSE_FILES = sorted(CONTRIB.glob("docker/compose.*.yml"))
RECKLESS = CONTRIB / "reckless/chanfitness-cln"
SCRIPT = RECKLESS / "chanfitness-cln.py"
OF_THE_PLUGIN = ("cln", "prometheus", "web", "alerts")


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


# The image


def instructions(name: str) -> list[str]:
    """Arguments of each instruction ``name`` in the Dockerfile, continuation lines joined."""
    joined = DOCKERFILE.read_text().replace("\\\n", "")
    return re.findall(rf"(?m)^{name} (.+)$", joined)


def test_the_build_context_is_exactly_what_the_dockerfile_copies() -> None:
    copied = {
        name
        for arguments in instructions("COPY")
        if not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    }
    ignored = (CONTRIB / "docker/Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_installs_existing_extras() -> None:
    (installed,) = re.findall(r"'\.\[(.+)\]'", DOCKERFILE.read_text())
    extras = importlib.metadata.metadata("chanfitness").get_all("Provides-Extra", [])
    assert set(installed.split(",")) <= set(extras)


def test_the_image_runs_unprivileged_with_a_volume_for_data() -> None:
    assert instructions("USER") == ["1000:1000"]
    assert instructions("VOLUME") == instructions("WORKDIR")[-1:] == ["/data"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def health_check(port: int) -> int:
    """Exit status of the image's health check, with ``port`` in place of 9789."""
    (check,) = instructions("HEALTHCHECK")
    command = ast.literal_eval(check.partition("CMD ")[2])
    program, replaced = re.subn(r"\b9789\b", str(port), command.pop())
    assert replaced == 1
    assert command == ["python3", "-c"]
    return run(sys.executable, "-c", program).returncode


def test_the_image_is_healthy_while_its_page_answers() -> None:
    with FakeNode(history=datetime.timedelta(days=1)) as node:
        with serve(node.store, LOCAL) as page:
            assert health_check(page.port) == 0
        assert health_check(page.port) == 1
        with exporter.serve(node.store, LOCAL) as metrics:
            assert health_check(metrics.port) == 1


# The compose files


def service(path: Path) -> dict[str, Any]:
    """The only service of a compose file, with variables replaced by their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", path.read_text())
    (found,) = yaml.safe_load(text)["services"].values()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
class TestComposeFile:
    def test_its_command_is_valid(self, path: Path) -> None:
        options = parse(service(path)["command"])
        assert options.web == f"0.0.0.0:{instructions('EXPOSE')[0]}"
        assert Path(options.db).parent == Path("/data")
        assert "data:/data" in service(path)["volumes"]

    def test_its_port_is_published_on_loopback_only(self, path: Path) -> None:
        assert service(path)["ports"] == ["127.0.0.1:9789:9789"]

    def test_its_container_is_hardened(self, path: Path) -> None:
        its = service(path)
        assert its["user"] == "1000:1000"
        assert its["read_only"] is True
        assert its["cap_drop"] == ["ALL"]
        assert its["security_opt"] == ["no-new-privileges:true"]

    def test_its_image_is_of_this_version(self, path: Path) -> None:
        its = service(path)
        assert its["image"] == f"chanfitness:{chanfitness.__version__}"
        assert f"-t {its['image']} ." in DOCKERFILE.read_text()
        build = its["build"]
        assert (path.parent / build["context"]).resolve() == ROOT
        assert ROOT / build["dockerfile"] == DOCKERFILE


# reckless, and uv


def test_requirements_cover_all_options_of_the_plugin() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    wanted = [config["options"]["install_requires"], *(extras[name] for name in OF_THE_PLUGIN)]
    listed = (RECKLESS / "requirements.txt").read_text()
    assert {line for line in listed.splitlines() if not line.startswith("#")} == {
        line for line in "\n".join(wanted).split("\n") if line and "chanfitness[" not in line
    }


@pytest.mark.skipif(
    not (RECKLESS / "chanfitness").exists(), reason="an sdist has no symbolic links"
)
def test_a_copy_of_the_reckless_folder_runs_by_itself(tmp_path: Path) -> None:
    copy = tmp_path / "source/chanfitness-cln"
    shutil.copytree(RECKLESS, copy)
    assert (copy / "chanfitness/nodes/cln/plugin.py").is_file()
    # Without the environment, in which coverage would measure the copy as the package.
    told = run("env", "-i", sys.executable, str(copy / SCRIPT.name), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "chanfitness-history" in told.stdout


def test_inline_dependencies_match_the_package() -> None:
    said = importlib.metadata.metadata("chanfitness")
    block = dict(re.findall(r"(?m)^# ([\w-]+) = (.+)$", SCRIPT.read_text()))
    assert ast.literal_eval(block["requires-python"]) == said["Requires-Python"]
    (needed,) = ast.literal_eval(block["dependencies"])
    match = re.fullmatch(r"chanfitness\[([\w,]+)\] >= ([\d.]+)", needed)
    assert match is not None
    assert set(match[1].split(",")) <= set(said.get_all("Provides-Extra", []))
    assert match[2] == chanfitness.__version__
    assert shlex.split(SCRIPT.read_text().splitlines()[0]) == shlex.split(
        "#!/usr/bin/env -S uv run --script"
    )
    assert SCRIPT.stat().st_mode & 0o111 == 0o111


# Releases


def releasable(folder: Path, changelog: str, links: str) -> str:
    """Errors that the release check reports for a wheel of version 1.2.3."""
    (folder / "CHANGELOG.rst").write_text(f"Changelog\n=========\n\n{changelog}\n-----\n")
    with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
        wheel.writestr("a-1.2.3.dist-info/METADATA", f"Name: a\nVersion: 1.2.3\n{links}\n")
    ended = run(sys.executable, str(ROOT / ".ci/releasable"), "a.whl", cwd=folder)
    assert (ended.returncode == 0) == (ended.stderr == "")
    return ended.stderr


LINKS = "Project-URL: Source, https://a.example/\nProject-URL: Changelog, https://a.example/c\n"


def test_a_dated_version_with_links_is_releasable(tmp_path: Path) -> None:
    assert releasable(tmp_path, "1.2.3 (2026-11-29)", LINKS) == ""


@pytest.mark.parametrize("heading", ["1.2.3 (unreleased)", "1.2.2 (2026-11-29)"])
def test_a_version_without_a_date_is_not_releasable(tmp_path: Path, heading: str) -> None:
    said = releasable(tmp_path, heading, LINKS)
    assert said == "CHANGELOG.rst: its first dated heading is not 1.2.3 (YYYY-MM-DD)\n"


@pytest.mark.parametrize("source", ["", "Project-URL: Source, http://a.example/\n"])
def test_a_version_without_links_is_not_releasable(tmp_path: Path, source: str) -> None:
    said = releasable(tmp_path, "1.2.3 (2026-11-29)", source + LINKS.split("\n")[1])
    assert said == "setup.cfg: project_urls has no Source that begins with https://\n"
