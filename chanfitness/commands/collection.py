"""Suspension of garbage collection while many small objects are created."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Suspend garbage collection: scanning outages, which have no cycles, takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
