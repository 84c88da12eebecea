"""Garbage collection, put off while very many small objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Outages are very many small objects without cycles, among which looking takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
