"""When lightningd started, as far as this machine can tell.

lightningd makes its socket anew at each start, and the file has the time of that. That date
may be wrong: a machine without a real-time clock boots in the past, and its clock is set
later. But lightningd did not start before the machine did, by the clock as it is now.
"""

from __future__ import annotations

import datetime
import os
import time

_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def started_at(path: str, now: datetime.datetime) -> datetime.datetime | None:
    """When (UTC) the lightningd with the socket ``path`` started; None if that cannot be told.

    ``now``: the date now.
    """
    try:
        made = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
    except (OSError, OverflowError, ValueError):
        return None
    booted = now - datetime.timedelta(seconds=time.clock_gettime(_BOOT_CLOCK))
    return max(made, booted)
