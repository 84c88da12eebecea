"""The command ``chanfitness-cln``: the plugin, or without its extra the reason why it is none."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress


def main() -> int:
    """Run the plugin. What is not installed disables it, which lightningd logs."""
    try:
        from .plugin import main as run  # noqa: PLC0415
    except ImportError as error:
        return _disabled(str(error))
    return run()


def _disabled(reason: str) -> int:
    """Answer ``getmanifest`` with ``reason``, or tell it to the person who started this."""
    if os.environ.get("LIGHTNINGD_PLUGIN") != "1":
        sys.stderr.write(f"chanfitness-cln: {reason}\n")
        return 2
    message = b""
    for line in sys.stdin.buffer:
        message += line
        with suppress(ValueError, LookupError, TypeError):  # not a whole message yet, or no request
            answer = {"id": json.loads(message)["id"], "result": {"disable": reason}}
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **answer}) + "\n\n")
            sys.stdout.flush()
            message = b""
    return 0
