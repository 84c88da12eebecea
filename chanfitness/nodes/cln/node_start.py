"""Estimate of lightningd's start time, from its socket.

lightningd creates its socket at each start, so the file's time is the start. That date may be
too early: a machine without a real-time clock boots in the past, and its clock is set later.
The machine's boot, by the present clock, is therefore a lower bound.
"""

from __future__ import annotations

import datetime
import os
import time

_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def started_at(path: str, now: datetime.datetime) -> datetime.datetime | None:
    """Return when (UTC) the lightningd with the socket ``path`` started, or None.

    ``now``: the present date.
    """
    try:
        made = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
    except (OSError, OverflowError, ValueError):
        return None
    booted = now - datetime.timedelta(seconds=time.clock_gettime(_BOOT_CLOCK))
    return max(made, booted)
