"""Launcher of ``chanfitness-cln``, which disables the plugin if its extra is not installed."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress


def main() -> int:
    """Run the plugin. A missing library disables it; lightningd logs the reason."""
    try:
        from .plugin import main as run  # noqa: PLC0415
    except ImportError as error:
        return _disabled(str(error))
    return run()


def _disabled(reason: str) -> int:
    """Answer ``getmanifest`` with ``reason``; without a lightningd, print it."""
    if os.environ.get("LIGHTNINGD_PLUGIN") != "1":
        sys.stderr.write(f"chanfitness-cln: {reason}\n")
        return 2
    message = b""
    for line in sys.stdin.buffer:
        message += line
        with suppress(ValueError, LookupError, TypeError):  # not a whole request yet
            answer = {"id": json.loads(message)["id"], "result": {"disable": reason}}
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **answer}) + "\n\n")
            sys.stdout.flush()
            message = b""
    return 0
