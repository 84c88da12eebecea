"""The command ``chanfitness-cln`` without its extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points

from ...support.stores import WAIT

WITHOUT_PYLN = """
import sys
sys.modules["pyln"] = None
from chanfitness.nodes.cln.launcher import main
sys.exit(main())
"""


def run(said: bytes, **environment: str) -> tuple[int, str, str]:
    variables = {name: value for name, value in os.environ.items() if "LIGHTNINGD" not in name}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYLN],
        env={**variables, **environment},
        input=said,
        capture_output=True,
        timeout=WAIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def manifest(said: bytes) -> object:
    """Return the answer to ``getmanifest``, the only output."""
    code, out, errors = run(said, LIGHTNINGD_PLUGIN="1")
    assert (code, out.count("\n\n"), errors) == (0, 1, "")
    return json.loads(out)


REASON = "pyln.client is not installed: pip install 'chanfitness[cln]'"


def test_lightningd_is_told_why_the_plugin_is_disabled() -> None:
    request = {"jsonrpc": "2.0", "id": "cln:getmanifest#1", "method": "getmanifest", "params": {}}
    disabled = {"jsonrpc": "2.0", "id": "cln:getmanifest#1", "result": {"disable": REASON}}
    for text in (json.dumps(request), json.dumps(request, indent=2)):
        assert manifest(text.encode() + b"\n\n") == disabled


def test_started_by_hand_it_prints_why_it_does_not_run() -> None:
    assert run(b"") == (2, "", f"chanfitness-cln: {REASON}\n")


def test_the_console_script_is_the_launcher() -> None:
    (command,) = entry_points(group="console_scripts", name="chanfitness-cln")
    assert command.value == "chanfitness_launcher:plugin"
