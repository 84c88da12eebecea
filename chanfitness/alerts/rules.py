"""The rules of alerts: from a snapshot and what was found before to what is told.

Pure: no thread, no clock, no I/O. One call decides of one snapshot; how often it is called
changes when something is found, never what.
"""

from __future__ import annotations

from .draft import Decision, Draft, Rules
from .node_rules import decide_of_node
from .peer_rules import PastOf, decide_of_peers
from .snapshot import Snapshot
from .state import State


def decide(rules: Rules, state: State, snapshot: Snapshot, past_of: PastOf) -> Decision:
    """Decide what is told of ``snapshot``, after ``state``.

    ``past_of``: the outages of a channel; asked for what a text says, and for a channel that
    is new in a snapshot while its peer is offline.
    """
    draft = Draft(rules, state, snapshot)
    decide_of_node(draft)
    if snapshot.sees:
        decide_of_peers(draft, past_of)
    return draft.decision()
