"""A real browser for tests of pages, without a network, and its error messages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from .paths import ROOT

REQUIRED = os.environ.get("CHANFITNESS_REQUIRE_BROWSER") == "1"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str:
    """Return the browser's path; without one, skip the test, or fail if it is required."""
    return _found(next(filter(None, map(shutil.which, NAMES)), None), "browser")


def axe() -> str:
    """Return the script of axe-core; without it, skip or fail as :func:`program`."""
    place = Path(os.environ.get("CHANFITNESS_AXE", ROOT / ".browser/package/axe.min.js"))
    return Path(_found(str(place) if place.exists() else None, "axe-core")).read_text()


def _found(path: str | None, name: str) -> str:
    if path is not None:
        return path
    reason = f"there is no {name} here: `make browser`, as root, installs it"
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_browser() -> Iterator[Browser]:
    path = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def shown(browser: Browser, file: Path, width: int = 1280, **how: Any) -> Iterator[Page]:
    """Open a page in a window of its own, and check at its end that there were no errors."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, offline=True, reduced_motion="reduce", **how
    )
    page, complaints = context.new_page(), []
    page.on("request", lambda request: complaints.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    yield page
    assert complaints == [file.as_uri()]
    context.close()


def violations(page: Page) -> list[str]:
    """Return the violations of accessibility that axe-core finds."""
    page.evaluate(axe())
    found = page.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
