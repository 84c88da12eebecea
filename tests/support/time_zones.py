"""Time zones of this machine, as POSIX rules, which need no database of zones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

UTC = "UTC0"
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
KATHMANDU = "<+0545>-5:45"
LORD_HOWE = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
"""Summer time is half an hour."""
MADE_UP = "ODD-1:07EVEN-2:07,M3.5.0/2:20,M10.4.0/3:41"
"""The clocks change in the middle of an hour."""
DELHI = "IST-5:30"
SAO_PAULO = "<-03>3"


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """Put the machine into a zone, in the form of POSIX."""
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
