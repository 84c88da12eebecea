"""The README and the pages in docs, and parts of their text."""

from __future__ import annotations

import re
import shlex
import textwrap

from .paths import ROOT

README = ROOT / "README.rst"
PAGES = sorted((ROOT / "docs").glob("*.rst"))
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in [README, *PAGES]}
"""The texts by file name."""


def blocks(language: str, document: str) -> list[str]:
    """Return the code blocks of a language."""
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [textwrap.dedent(block) for block in re.findall(pattern, document, re.MULTILINE)]


def shell_lines(document: str) -> list[list[str]]:
    """Return the lines of the literal blocks, which are for a shell, word by word."""
    literal = re.findall(r"^(?:[^.\n].*)?::\n\n((?:    .*\n|\n)+)", document, re.MULTILINE)
    lines = "".join(literal).replace("\\\n", "").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def typed(session: str) -> list[tuple[list[str], str]]:
    """Return each command of a console block, word by word, with the output below it."""
    commands = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    return [(shlex.split(command), output.strip()) for command, output in commands]


def literals(document: str) -> list[str]:
    """Return the literals (in double backquotes), each on one line."""
    return [" ".join(each.split()) for each in re.findall(r"``(.+?)``", document, re.DOTALL)]


def first_column(document: str, label: str) -> list[str]:
    """Return the literals in the first column of the table that follows a label."""
    _, _, rest = document.partition(f".. _{label}:\n")
    assert rest, label
    return column_after(rest)


def column_after(text: str, heading: str = "") -> list[str]:
    """Return the literals in the first column of the first table after a heading."""
    return re.findall(r"^``(.+?)``", table_after(text, heading), re.MULTILINE)


def table_after(text: str, heading: str = "") -> str:
    """Return the rows of the first table after a heading."""
    _, _, rest = text.partition(heading) if heading else ("", "", text)
    _, _, rows, *_ = re.split(r"^=+  .*=\n", rest, maxsplit=3, flags=re.MULTILINE)
    return rows
