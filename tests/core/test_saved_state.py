"""Validation of saved state: impossible values are refused."""

from __future__ import annotations

from typing import Any

import pytest

from chanfitness.core.saved_state import CheckpointRow, HistoryRows, PeerRow, Saved, check

from ..support.values import ALICE

PEER = PeerRow(bytes(ALICE), 5, None, 10, 0, 1, 10, 0)
HISTORY = HistoryRows(bytes(ALICE), False, 0, 0, [(0, 10), (0, 0)], True, [])
SAVED = Saved(2_000, 20, [(0, 0, 1_000)], [PEER], [], [HISTORY])


ONE = CheckpointRow(2, 0, 4, 2, 1)
TWO = CheckpointRow(6, 0, 2, 1, 2)
THINNED = HISTORY._replace(columns=[(10,), (0,)], checkpoints=[ONE, TWO])


def test_saved_state_is_accepted() -> None:
    check(SAVED)
    check(SAVED._replace(histories=[THINNED]))


@pytest.mark.parametrize(
    ("nonsense", "reason"),
    [
        ({"heartbeat": 0.5}, "not whole"),
        ({"anchors": []}, "has not seen"),
        ({"anchors": [(0, 0, 1_000), (1, 21, 1_000)]}, "has not seen"),
        ({"anchors": [(0, 10, 1_000), (1, 0, 1_000)]}, "not in order"),
        ({"peers": [PEER._replace(since_stretch=2)]}, "has not seen"),
        ({"peers": [PEER._replace(online_since=-1)]}, "has not seen"),
        ({"histories": [HISTORY._replace(columns=[(10, 0), (0, 0)])]}, "not in order"),
        ({"histories": [HISTORY._replace(columns=[(0,), (9,)])]}, "has not seen"),
        ({"histories": [THINNED._replace(checkpoints=[TWO, ONE])]}, "do not add up"),
        *(
            ({"histories": [THINNED._replace(checkpoints=[ONE._replace(**changed), TWO])]}, reason)
            for changed, reason in (
                ({"position": -1}, "has not seen"),
                ({"stretch": 2}, "has not seen"),
                ({"uptime": 8}, "do not add up"),
                ({"uptime": 0}, "do not add up"),
                ({"outages": 0}, "do not add up"),
                ({"longest": 4}, "do not add up"),
                ({"longest": -1}, "do not add up"),
                ({"longest": 0.5}, "not whole"),
            )
        ),
    ],
)
def test_an_impossible_state_is_refused(nonsense: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(SAVED._replace(**nonsense))
