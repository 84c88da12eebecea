"""Alert rules of the node itself: blind time, outages of its own, and its database."""

from __future__ import annotations

import datetime

from ..checks import printable
from ..core.saved_state import MICROSECOND, microseconds
from .draft import NODE, Draft
from .messages import BLIND, OWN_OUTAGE, TRANSPORT_OUTAGE, UNSAVED

BLIND_AFTER = datetime.timedelta(minutes=5)
"""Blind time that causes a message."""

UNSAVED_AFTER = datetime.timedelta(minutes=1)
"""Time without a successful save that causes a message."""

MAY_BE_TOLD_AGAIN = "without a database it may have been told before"


def decide_of_node(draft: Draft) -> None:
    """Decide on messages about the node."""
    _own_outage(draft)
    _transport_outages(draft)
    _blind(draft)
    _unsaved(draft)


def _own_outage(draft: Draft) -> None:
    since = draft.snapshot.own_outage
    if since is not None:
        count = len([each for each in draft.snapshot.peers if each.channels])
        draft.begin(
            OWN_OUTAGE,
            "",
            NODE,
            since,
            lambda: (
                f"this node's own network has been down since {draft.since(since)}:"
                f" all its peers disconnected at once ({count} with a channel)"
            ),
        )
    elif draft.snapshot.sees and draft.lasts(OWN_OUTAGE):
        elapsed = draft.elapsed(OWN_OUTAGE)
        draft.end(OWN_OUTAGE, "", NODE, lambda: f"this node's own network is back, after {elapsed}")


def _transport_outages(draft: Draft) -> None:
    present = {each.transport: each for each in draft.snapshot.transport_outages}
    for transport, outage in present.items():
        _begin_transport(draft, transport, outage.since, outage.peers)
    if draft.snapshot.sees:
        for transport in draft.lasting(TRANSPORT_OUTAGE):
            if transport not in present:
                _end_transport(draft, transport)


def _begin_transport(draft: Draft, transport: str, since: datetime.datetime, peers: int) -> None:
    draft.begin(
        TRANSPORT_OUTAGE,
        transport,
        NODE,
        since,
        lambda: (
            f"this node has had no connection over {transport} since {draft.since(since)}:"
            f" its {peers} peers there disconnected at once, others did not"
        ),
    )


def _end_transport(draft: Draft, transport: str) -> None:
    elapsed = draft.elapsed(TRANSPORT_OUTAGE, transport)
    draft.end(
        TRANSPORT_OUTAGE,
        transport,
        NODE,
        lambda: f"this node is connected over {transport} again, after {elapsed}",
    )


def _blind(draft: Draft) -> None:
    snapshot, blind = draft.snapshot, microseconds(draft.snapshot.blind)
    if draft.blind is None or snapshot.sees:
        draft.blind = blind
    if snapshot.sees:
        if draft.lasts(BLIND):
            elapsed = draft.elapsed(BLIND)
            draft.end(BLIND, "", NODE, lambda: f"the node is seen again, after {elapsed}")
        return
    if snapshot.own_outage is not None:
        draft.blind = None
        return
    lasted = (blind - draft.blind) * MICROSECOND
    if draft.lasts(BLIND) or draft.is_over(BLIND_AFTER - lasted):
        since = snapshot.now - lasted if snapshot.seen_until is None else snapshot.seen_until
        draft.begin(BLIND, "", NODE, since, lambda: _blind_text(draft, since))


def _blind_text(draft: Draft, since: datetime.datetime) -> str:
    text = f"the node has not been seen since {draft.since(since)}: its figures stand still"
    if draft.snapshot.seen_until is None and not draft.rules.remembers:
        text += f" ({MAY_BE_TOLD_AGAIN})"
    return text


def _unsaved(draft: Draft) -> None:
    snapshot = draft.snapshot
    since = snapshot.unsaved_since
    if since is None:
        draft.end(UNSAVED, "", NODE, lambda: "the database is saved again")
    elif draft.lasts(UNSAVED) or draft.is_over(UNSAVED_AFTER - (snapshot.now - since)):
        reason = (
            "" if snapshot.unsaved_reason is None else f": {printable(snapshot.unsaved_reason)}"
        )
        draft.begin(
            UNSAVED,
            "",
            NODE,
            since,
            lambda: f"the database has not been saved since {draft.since(since)}{reason}",
        )
