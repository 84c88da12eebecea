"""A process killed at any line of the alerts' code loses no message.

A message delivered before the kill is repeated at most once, with a note.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ..support.lengths import length
from ..support.paths import ROOT
from ..support.random_seeds import SEED

CHILD = str(ROOT / "tests" / "support" / "alerts_child.py")
TIMEOUT = 600
LINES = range(1 + SEED % 7, 1300, length(8, 1))


def test_a_process_killed_at_any_line_loses_no_message(tmp_path: Path) -> None:
    command = [sys.executable, CHILD, str(tmp_path), *map(str, LINES)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr
    rounds = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(rounds) == len(LINES)
    seen = set()
    for number, (was_killed, first, second) in zip(LINES, rounds, strict=True):
        downs = [text for kind, text in first + second if kind == "peer_down"]
        backs = [text for kind, text in first + second if kind == "peer_back"]
        assert [kind for kind, _ in first] in ([], ["peer_down"]), number
        assert len(backs) == 1, number
        assert len(downs) in (1, 2), number
        if len(downs) == 2:
            assert was_killed, number
            assert downs[1] == downs[0] + " (perhaps told before)", number
        seen.add((was_killed, len(first), len(downs)))
    # Killed before the delivery; after it, but before it was saved; and not at all.
    assert {(True, 0, 1), (True, 1, 2), (False, 1, 1)} <= seen
