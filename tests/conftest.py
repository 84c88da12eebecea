from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from .support.lengths import STRESS
from .support.random_seeds import SEED

settings.register_profile(
    "ours",
    deadline=None,
    derandomize=not STRESS,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ours")


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Log no records, since pytest keeps all of them and a long test has very many."""
    logger = logging.getLogger("chanfitness")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


def pytest_report_header() -> str:
    return f"first seed: {SEED} (CHANFITNESS_SEED=n replays one; hypothesis has its own)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of the long tests, from ``record_property``."""
    if STRESS:
        terminalreporter.section("figures")
        for report in terminalreporter.getreports("passed"):
            for name, value in report.user_properties:
                terminalreporter.line(f"{report.nodeid}: {name}: {value}")
