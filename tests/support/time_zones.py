"""This machine in another zone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
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
