"""Conversion of bad option values to errors that the command prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ChanFitnessError


@contextmanager
def bad_values_named() -> Iterator[None]:
    """Turn a ``ValueError``, which here means a bad option, into ``ChanFitnessError``."""
    try:
        yield
    except ChanFitnessError:
        raise
    except ValueError as error:
        raise ChanFitnessError(str(error)) from None
