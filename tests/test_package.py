"""The installed package: public names, data files, commands."""

from __future__ import annotations

import importlib.metadata
import inspect
from importlib import resources

import pytest

import chanfitness
from chanfitness.commands.main import main


def test_the_public_names_are_in_all() -> None:
    public = {
        name
        for name, value in vars(chanfitness).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert public == set(chanfitness.__all__)


@pytest.mark.parametrize("name", chanfitness.__all__)
def test_each_public_name_is_documented(name: str) -> None:
    value = getattr(chanfitness, name)
    assert value.__doc__
    for member, function in inspect.getmembers(value, inspect.isfunction):
        if not member.startswith("_") and function.__module__.startswith("chanfitness"):
            assert inspect.getdoc(function), member


PAGE = ["web/page.html", "web/page.css", "web/page.js", "web/live.js"]


@pytest.mark.parametrize("file", ["py.typed", "recording/samples/lnd-simnet.jsonl", *PAGE])
def test_data_files_are_installed(file: str) -> None:
    assert resources.files("chanfitness").joinpath(file).is_file()


def test_the_command_is_installed() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="chanfitness")
    assert command.value == "chanfitness_launcher:chanfitness"


def test_the_command_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"chanfitness {chanfitness.__version__}\n"
    assert chanfitness.__version__ == importlib.metadata.version("chanfitness")
