"""What a bad value of an option is to the command: an error that it prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ChanFitnessError


@contextmanager
def bad_values_named() -> Iterator[None]:
    """Take a ``ValueError`` for what it is here: an option that cannot be used."""
    try:
        yield
    except ChanFitnessError:
        raise
    except ValueError as error:
        raise ChanFitnessError(str(error)) from None
