"""The outbox: obsolete messages, deliveries, and its encoding."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chanfitness.alerts import Message
from chanfitness.alerts.outbox import Outbox

from ..support.values import SECOND, START

NAMES = ("command", "url-1")


def message(kind: str, since: timedelta = 0 * SECOND) -> Message:
    return Message(kind, START, None, None, (), START + since, f"text of {kind}")


def kinds(outbox: Outbox) -> list[str]:
    return [each["message"]["kind"] for each in outbox.fields()]


def saved(outbox: Outbox) -> Any:
    return json.loads(json.dumps(outbox.fields()))


@pytest.mark.parametrize("kind", ["own_outage", "blind"])
def test_an_end_makes_an_undelivered_beginning_obsolete(kind: str) -> None:
    outbox = Outbox()
    outbox.add([message(kind)], NAMES)
    assert outbox.add([message(f"{kind}_end")], NAMES) == [0]


@pytest.mark.parametrize("kind", ["own_outage", "blind"])
def test_delivered_and_other_messages_do_not_become_obsolete(kind: str) -> None:
    outbox = Outbox()
    outbox.add([message(kind), message(kind, SECOND), message("peer_down")], NAMES)
    outbox.done(0, "command")
    assert outbox.add([message(f"{kind}_end")], NAMES) == []


@pytest.mark.parametrize("kind", ["peer_flapping", "transport_outage", "unsaved"])
def test_messages_deliverable_meanwhile_do_not_become_obsolete(kind: str) -> None:
    outbox = Outbox()
    outbox.add([message(kind)], NAMES)
    assert outbox.add([message(f"{kind}_end")], NAMES) == []


def test_each_message_is_passed_once_and_dropped_after_all_deliveries() -> None:
    outbox = Outbox()
    outbox.add([message("peer_down"), message("peer_back")], NAMES)
    assert [number for number, _ in outbox.hand_over(1)] == [0]
    assert [number for number, _ in outbox.hand_over(outbox.end)] == [1]
    assert outbox.hand_over(outbox.end) == []
    outbox.done(0, "url-1")
    assert kinds(outbox) == ["peer_down", "peer_back"]
    outbox.done(0, "command")
    assert kinds(outbox) == ["peer_back"]


def test_a_saved_outbox_is_restored_for_its_receivers() -> None:
    outbox = Outbox()
    outbox.add([message("peer_down"), message("peer_back"), message("blind")], NAMES)
    outbox.done(1, "command")
    outbox.doubt(2)
    outbox.doubt(7)  # a message that was delivered
    certain = Outbox.of_fields(saved(outbox), ["command"], is_certain=True)
    assert [(each.message.text, *each.owed) for _, each in certain.hand_over(9)] == [
        ("text of peer_down", "command"),
        ("text of blind (perhaps told before)", "command"),
    ]
    uncertain = Outbox.of_fields(saved(certain), ["command"], is_certain=False)
    assert [each.message.text for _, each in uncertain.hand_over(9)] == [
        "text of peer_down (perhaps told before)",
        "text of blind (perhaps told before)",
    ]


@pytest.mark.parametrize(
    "fields", [5, [5], [{}], [{"message": {}, "owed": [], "uncertain": False}], [{"message": 5}]]
)
def test_a_bad_outbox_is_refused(fields: Any) -> None:
    with pytest.raises(ValueError, match=r"^bad "):
        Outbox.of_fields(fields, NAMES, is_certain=True)
