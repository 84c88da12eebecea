"""Values for many tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from chanfitness import OutPoint, Vertex

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def vertex(number: int) -> Vertex:
    """Return a public key that depends on ``number`` alone."""
    return Vertex(b"\x02" + number.to_bytes(32, "big"))


def outpoint(number: int) -> OutPoint:
    """Return a channel point that depends on ``number`` alone."""
    return OutPoint(f"{number:064x}", number % 3)


ALICE, BOB, CAROL = vertex(1), vertex(2), vertex(3)
CHANNEL_1, CHANNEL_2, CHANNEL_3 = outpoint(1), outpoint(2), outpoint(3)
