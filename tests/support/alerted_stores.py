"""Alerts of a store of a fake node, and receivers for them."""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ChannelEventStore, SqliteStorage
from chanfitness.alerts import Alerts, Message, UndeliveredError
from chanfitness.testing import FakeNode

from .stores import WAIT, running


class Phone:
    """A receiver that collects its messages in order."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def __call__(self, message: Message) -> None:
        self.messages.put(message)

    def get(self) -> Message:
        return self.messages.get(timeout=WAIT)

    def is_silent(self) -> bool:
        return self.messages.empty()


class Hanging:
    """A receiver that takes a message and hangs until it is aborted."""

    name = "hanging"

    def __init__(self, *, can_be_aborted: bool = True) -> None:
        self.reached, self._over = threading.Event(), threading.Event()
        if can_be_aborted:
            self.abort = self._over.set

    def __call__(self, _: Message) -> None:
        self.reached.set()
        assert self._over.wait(WAIT)
        raise UndeliveredError("broken off")

    def release(self) -> None:
        self._over.set()


@contextmanager
def alerted(
    node: FakeNode,
    *tell: Callable[[Message], object],
    path: Path | None = None,
    storage: SqliteStorage | None = None,
    **options: Any,
) -> Iterator[Alerts]:
    """Run a store of ``node`` with alerts."""
    if path is not None:
        storage = SqliteStorage(path)
    alerts = Alerts(*tell, storage=storage, **options)
    config = replace(node.config, storage=storage, on_event=alerts.on_event)
    with running(ChannelEventStore(config)) as store, alerts.of(store):
        yield alerts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def node() -> FakeNode:
    return FakeNode(history=timedelta(days=90))


def outbox_in(path: Path) -> list[str]:
    """Return the texts in the outbox on the disk."""
    with closing(sqlite3.connect(path)) as database:
        ((text,),) = database.execute("SELECT state FROM alerts").fetchall()
    return [each["message"]["text"] for each in json.loads(text)["outbox"]]
