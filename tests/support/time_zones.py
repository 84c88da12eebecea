"""Time zones of this machine, as the system's rules name them: no database of zones is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

UTC = "UTC0"
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
KATHMANDU = "<+0545>-5:45"
LORD_HOWE = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
"""Whose summer time is half an hour."""
MADE_UP = "ODD-1:07EVEN-2:07,M3.5.0/2:20,M10.4.0/3:41"
"""Whose clocks change in the middle of an hour."""
DELHI = "IST-5:30"
SAO_PAULO = "<-03>3"


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """While the machine is in a zone, as POSIX describes it."""
    before = os.environ.get("TZ")
    _move(zone)
    try:
        yield
    finally:
        _move(before)


def _move(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
