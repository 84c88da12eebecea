"""Alert rules: from a snapshot and the previous state to messages.

Pure: no threads, clock or I/O. Each call decides on one snapshot. The interval between calls
affects when a message is decided, never which messages.
"""

from __future__ import annotations

from .draft import Decision, Draft, Rules
from .node_rules import decide_of_node
from .peer_rules import PastOf, decide_of_peers
from .snapshot import Snapshot
from .state import State


def decide(rules: Rules, state: State, snapshot: Snapshot, past_of: PastOf) -> Decision:
    """Decide on the messages of ``snapshot``, after ``state``.

    ``past_of`` returns the outages of a channel, for texts and for new channels of offline peers.
    """
    draft = Draft(rules, state, snapshot)
    decide_of_node(draft)
    if snapshot.sees:
        decide_of_peers(draft, past_of)
    return draft.decision()
