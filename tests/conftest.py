from __future__ import annotations

import pytest

from .lengths import STRESS
from .seeds import SEED


def pytest_report_header() -> str:
    return f"first seed: {SEED} (CHANFITNESS_SEED={SEED} replays it)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the long tests: what they recorded with ``record_property``."""
    if STRESS:
        terminalreporter.section("figures")
        for report in terminalreporter.getreports("passed"):
            for name, value in report.user_properties:
                terminalreporter.line(f"{report.nodeid}: {name}: {value}")
