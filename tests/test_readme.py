"""What the README shows is what runs."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest

import chanfitness
from chanfitness.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.rst").read_text()


def blocks(language: str) -> list[str]:
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [textwrap.dedent(block) for block in re.findall(pattern, README, re.MULTILINE)]


@pytest.mark.parametrize("code", blocks("python"))
def test_each_example_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(compile(code, "README.rst", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    for test in tests:
        assert callable(test)
        test()
    assert tests or capsys.readouterr().out


@pytest.mark.parametrize("session", blocks("console"))
def test_each_command_prints_what_the_readme_says(
    session: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, _, output = session.partition("\n")
    prompt, program, *arguments = shlex.split(command)
    assert (prompt, program) == ("$", "chanfitness")
    monkeypatch.chdir(Path(chanfitness.__file__).parent.parent)
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == output.strip()


def test_the_test_of_the_tester_is_short() -> None:
    (example,) = [code for code in blocks("python") if "def test_" in code and "FakeNode" in code]
    body = example[example.index("with FakeNode") :].strip().splitlines()
    assert len(body) - 1 == 5
