"""Bugs planted in the source for one test, which the explorer must find."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import pytest

from .schedules import Case, Schedule, ScheduleError, explore, replay
from .stepping import Attributes

Edits = dict[str, str]
"""(original text, replacement); the original occurs once."""


class BugPlanter:
    """Edits methods for the duration of one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, owner: type, name: str, edits: Edits, **names: object) -> None:
        """Apply the edits, in which ``names`` may be used."""
        method = getattr(owner, name)
        source = textwrap.dedent(inspect.getsource(method))
        for old, new in edits.items():
            assert source.count(old) == 1, f"{source}\ndoes not have once:\n{old}"
            source = source.replace(old, new)
        found: dict[str, Any] = {}
        exec(compile(source, inspect.getfile(method), "exec"), method.__globals__ | names, found)
        self._monkeypatch.setattr(owner, name, found[name])


def found(case: Case) -> str:
    """Return the error of the schedule that is found, checked by a replay of that schedule."""
    with pytest.raises(ScheduleError) as caught:
        explore(case)
    printed = str(caught.value).splitlines()[-1]
    with pytest.raises(ScheduleError) as again:
        replay(case, eval(printed, {"Schedule": Schedule, "Attributes": Attributes}))
    assert again.value.wrong == caught.value.wrong
    assert again.value.log == caught.value.log
    return caught.value.wrong
