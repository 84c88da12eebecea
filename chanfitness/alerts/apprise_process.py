"""Subprocess that delivers one message with ``apprise``; :mod:`.urls` starts it.

Its input is a JSON object with ``url``, ``title``, ``body`` and ``type``; with ``url`` alone the
URL is only checked. The result is its exit status. It prints and logs nothing, which might reveal
the URL.
"""

from __future__ import annotations

import json
import logging
import sys

DELIVERED, UNDELIVERED, BAD_URL = 0, 1, 3
"""Exit statuses. Any other is an error of the process itself."""


def main() -> None:
    """Deliver the message on standard input, and exit."""
    logging.disable()
    import apprise  # noqa: PLC0415

    given = json.load(sys.stdin)
    service, status = apprise.Apprise(), DELIVERED
    if not service.add(given["url"]):
        status = BAD_URL
    elif "body" in given and not service.notify(
        body=given["body"],
        title=given["title"],
        notify_type=given["type"],
        body_format=apprise.NotifyFormat.TEXT,
    ):
        status = UNDELIVERED
    sys.exit(status)
