"""The process that delivers one message with ``apprise``: started by :mod:`.urls`.

Its input is a JSON object: ``url``, and unless that is only to be checked ``title``, ``body``
and ``type``. Its exit status says how it went. It prints and logs nothing: that might show
the URL.
"""

from __future__ import annotations

import json
import logging
import sys

DELIVERED, UNDELIVERED, BAD_URL = 0, 1, 3
"""Exit statuses. Any other is that of a fault."""


def main() -> None:
    """Deliver what standard input says, and exit."""
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
