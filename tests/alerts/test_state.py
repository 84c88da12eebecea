"""JSON encoding of the rules' state and of messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chanfitness.alerts.messages import Message
from chanfitness.alerts.state import Flap, Known, Open, State

from ..support.values import SECOND, START

STATE = State(
    {
        "00:0": Known("02aa", "alice", "7x1x0", 1000, 5, 7, 0),
        "00:1": Known("02bb", None, None, None, 5, None, 0),
    },
    {"peer_down 02aa": Open(3, True), "blind ": Open(4, False)},
    {"02aa": 17},
    {"02aa": (Flap(1, 2), Flap(2, 1))},
    (1, 2, 3),
    {"peer_down": 80},
    5,
    6,
)
MESSAGE = Message("peer_down", START + SECOND, "02aa", "alice", ("00:0",), START, "alice offline")


def changed(fields: Any, path: str, value: object) -> Any:
    """Return a copy with ``value`` at the path."""
    copy = json.loads(json.dumps(fields))
    *way, last = path.split("/")
    place = copy
    for each in way:
        place = place[int(each) if isinstance(place, list) else each]
    place[int(last) if isinstance(place, list) else last] = value
    return copy


@pytest.mark.parametrize("state", [STATE, State()])
def test_a_state_survives_its_encoding(state: State) -> None:
    assert State.of_fields(json.loads(json.dumps(state.fields()))) == state


def test_blind_time_is_not_saved() -> None:
    assert State.of_fields(State(blind=7).fields()).blind is None


@pytest.mark.parametrize(
    "path",
    [
        *State._fields[:-1],
        *(f"channels/00:0/{cell}" for cell in range(len(Known._fields))),
        *(f"open/peer_down 02aa/{cell}" for cell in range(2)),
        *(f"flaps/02aa/0/{cell}" for cell in range(2)),
        "channels/00:0",
        "open/peer_down 02aa",
        "flap_counts/02aa",
        "flaps/02aa",
        "sent/0",
        "left_out/peer_down",
    ],
)
@pytest.mark.parametrize("value", [1.5, [[]], {"a": []}, 2**70])
def test_a_bad_state_is_refused(path: str, value: object) -> None:
    if (path, value) == ("flaps", {"a": []}):  # valid: a peer without flaps
        return
    with pytest.raises(ValueError, match=r"^bad "):
        State.of_fields(changed(STATE.fields(), path, value))


@pytest.mark.parametrize("fields", [{}, [], None, "x"])
def test_values_that_are_not_objects_of_a_state_are_refused(fields: Any) -> None:
    with pytest.raises(ValueError, match="bad state of alerts"):
        State.of_fields(fields)


def test_a_message_is_one_object_on_one_line() -> None:
    assert json.loads(MESSAGE.line()) == {
        "kind": "peer_down",
        "at": "2026-01-01T00:00:01.000000Z",
        "peer": "02aa",
        "alias": "alice",
        "channels": ["00:0"],
        "since": "2026-01-01T00:00:00.000000Z",
        "text": "alice offline",
    }
    assert MESSAGE._replace(text="Zürich\n").line().endswith('"Z\\u00fcrich\\n"}\n')


@pytest.mark.parametrize("message", [MESSAGE, Message("more", START, None, None, (), None, "3")])
def test_a_message_survives_its_encoding(message: Message) -> None:
    assert Message.of_fields(json.loads(message.line())) == message


@pytest.mark.parametrize("name", Message._fields)
@pytest.mark.parametrize("value", [1.5, [1], {"a": []}])
def test_a_bad_message_is_refused(name: str, value: object) -> None:
    fields = changed(MESSAGE.fields(), name, value)
    if name == "channels" and isinstance(value, dict):
        return
    with pytest.raises(ValueError, match=r"^(bad message|bad time)"):
        Message.of_fields(fields)
