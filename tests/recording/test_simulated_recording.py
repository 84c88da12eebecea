"""The generator of simulated recordings is reproducible and makes lines of every kind."""

from __future__ import annotations

from collections import Counter

from chanfitness.recording.format import kind_of, read
from chanfitness.recording.replay import replay

from ..support.simulated_recording import simulated_recording


def test_a_simulated_recording_has_lines_of_every_kind() -> None:
    lines = simulated_recording(days=10).splitlines(keepends=True)
    kinds = Counter(kind_of(line.event) for line in read(lines, "r.jsonl"))
    assert kinds.keys() == {
        *("monitoring_started", "monitoring_stopped"),
        *("peer_online", "peer_offline"),
        *("channel_opened", "channel_closed", "channel_moved"),
    }
    assert kinds["peer_online"] > 0.4 * len(lines)
    assert 300 < len(replay(lines, "r.jsonl").channels) < 500


def test_a_seed_decides_the_recording_and_a_shorter_one_is_its_beginning() -> None:
    assert simulated_recording(2, 20, seed=7) == simulated_recording(2, 20, seed=7)
    assert simulated_recording(2, 20, seed=7) != simulated_recording(2, 20, seed=8)
    *shorter, _ = simulated_recording(2, 20).splitlines()
    assert simulated_recording(4, 20).splitlines()[: len(shorter)] == shorter
