"""Bugs that are planted in the source for one test, and found again."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import pytest

from .schedules import Case, Schedule, ScheduleError, explore, replay
from .stepping import Attributes

Edits = dict[str, str]
"""What is in the place of what, which is there once."""


class BugPlanter:
    """Edits methods for one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, owner: type, name: str, edits: Edits, **names: object) -> None:
        """``names`` may be used in the edits."""
        method = getattr(owner, name)
        source = textwrap.dedent(inspect.getsource(method))
        for old, new in edits.items():
            assert source.count(old) == 1, f"{source}\ndoes not have once:\n{old}"
            source = source.replace(old, new)
        found: dict[str, Any] = {}
        exec(compile(source, inspect.getfile(method), "exec"), method.__globals__ | names, found)
        self._monkeypatch.setattr(owner, name, found[name])


def found(case: Case) -> str:
    """What is wrong under the schedule that is found, and under the same when replayed."""
    with pytest.raises(ScheduleError) as caught:
        explore(case)
    printed = str(caught.value).splitlines()[-1]
    with pytest.raises(ScheduleError) as again:
        replay(case, eval(printed, {"Schedule": Schedule, "Attributes": Attributes}))
    assert again.value.wrong == caught.value.wrong
    assert again.value.log == caught.value.log
    return caught.value.wrong
