"""A real lightningd's messages, damaged in every way, sent to the plugin over its pipes.

The plugin answers each question with sensible figures, ends on request, and loses nothing
that was stored before.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from copy import deepcopy
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ManualClock
from chanfitness.storage.sqlite import read

from ...support.fake_lightningd import Notification, RpcServer, recorded
from ...support.fuzzing import (
    WAYS,
    bounded_memory,
    damaged,
    no_complaints,
    random_damages,
    set_field,
)
from ...support.inbox import Inbox
from ...support.lengths import length
from ...support.persistent_stores import nothing_is_lost
from ...support.plugin_process import plugin_here
from ...support.random_seeds import replayable, seeds
from ...support.stored_days import assert_much_is_stored

__all__ = ["bounded_memory"]

DATABASE = "chanfitness.db"
_, *NOTIFICATIONS = recorded("cln-regtest.jsonl")
SHUTDOWNS = [number for number, each in enumerate(NOTIFICATIONS) if each.topic == "shutdown"]
STORED = NOTIFICATIONS[: SHUTDOWNS[0]]
TOLD = [each for each in NOTIFICATIONS[SHUTDOWNS[0] :] if each.topic != "shutdown"]
SLOWER = 300  # stretches minutes to days
WAYS_HERE = [*WAYS, *[set_field] * 3 * len(WAYS)]
"""Ways of damage, most of which leave valid JSON."""


def messages(notifications: list[Notification]) -> bytes:
    return b"".join(
        json.dumps({"jsonrpc": "2.0", "method": each.topic, "params": each.params}).encode() + b"\n"
        for each in notifications
    )


def listings(notifications: list[Notification]) -> bytes:
    return b"".join(json.dumps(each.listings).encode() + b"\n" for each in notifications)


def life(directory: Path, notifications: list[Notification], said: bytes, listed: bytes) -> None:
    """Send a plugin each line of ``said``, with the lists in the same line of ``listed``."""
    clock = ManualClock(notifications[0].at)
    inbox = Inbox(clock)
    answers = [*listed.splitlines(), b""]
    with RpcServer(directory) as rpc:

        def answer(method: str, params: dict[str, object]) -> object:
            try:
                rpc.listings = json.loads(answers[0])
                return rpc.listed(method, params) or answers[0]
            except (ValueError, LookupError, TypeError, RecursionError):
                return answers[0]

        rpc.answer = answer
        with plugin_here(directory, clock=clock, inbox=inbox) as wire:
            for number, message in enumerate(said.splitlines()):
                if number < len(notifications):
                    inbox.pass_until(notifications[number].at)
                wire.send_raw(message + b"\n\n")
                for channel in wire.result("chanfitness")["channels"]:
                    assert 0 <= channel["uptime_seconds"] <= channel["lifetime_seconds"]
                del answers[: len(answers) > 1]


# The days before.


def slowed(notifications: list[Notification], end: datetime) -> list[Notification]:
    """Return the notifications stretched to days before ``end``."""
    last = notifications[-1].at
    return [each._replace(at=end - SLOWER * (last - each.at)) for each in notifications]


def of_other_channels(notifications: list[Notification]) -> list[Notification]:
    """Return the notifications with other channels, of other transactions."""
    return [
        each._replace(params=with_other_ids(each.params), listings=with_other_ids(each.listings))
        for each in notifications
    ]


def with_other_ids(value: dict[str, Any]) -> dict[str, Any]:
    text = re.sub(r'"[0-9a-f]{64}\b', lambda found: '"' + found[0][:0:-1], json.dumps(value))
    other: dict[str, Any] = json.loads(text)
    return other


def without(number: int, notifications: list[Notification]) -> list[Notification]:
    """Return the notifications with one channel missing in all lists."""
    listings = deepcopy([each.listings for each in notifications])
    for each in listings:
        del each["listpeerchannels"]["channels"][number]
    return [
        each._replace(listings=fewer) for each, fewer in zip(notifications, listings, strict=True)
    ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database after the plugin's runs of the days before.

    The first run's channels close, or are missing later. Of the later runs' channels one
    goes missing and returns, and one is missing at the end.
    """
    directory = tmp_path_factory.mktemp("stored")
    days = slowed(STORED, TOLD[0].at)
    lives = [
        slowed(of_other_channels(NOTIFICATIONS), days[0].at),
        days[:-8],
        without(0, days[-8:-4]),
        without(1, days[-4:]),
    ]
    for each in lives:
        said = [notification for notification in each if notification.topic != "shutdown"]
        life(directory, said, messages(said), listings(said))
    assert_much_is_stored(*read(directory / DATABASE))
    return (directory / DATABASE).read_bytes()


def test_nonsense_costs_the_plugin_no_answers_and_no_figures(tmp_path: Path, stored: bytes) -> None:
    for seed in islice(seeds(), length(25, 2_000)):
        rng, directory = random.Random(seed), tmp_path / str(seed)
        directory.mkdir()
        database = directory / DATABASE
        database.write_bytes(stored)
        before = read(database)
        said = damaged(messages(TOLD), random_damages(rng, 20, WAYS_HERE))
        listed = damaged(listings(TOLD), random_damages(rng, 40, WAYS_HERE))

        with replayable(seed), no_complaints():
            life(directory, TOLD, said, listed)
            nothing_is_lost(*before, *read(database))
        shutil.rmtree(directory)
