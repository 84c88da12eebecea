from __future__ import annotations

from .seeds import SEED


def pytest_report_header() -> str:
    return f"first seed: {SEED} (CHANFITNESS_SEED={SEED} replays it)"
