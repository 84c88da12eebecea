"""Delivery to one receiver, in order and with backoff for an hour, on a manual clock."""

from __future__ import annotations

import logging

import pytest

from chanfitness.alerts import Message, UndeliveredError
from chanfitness.alerts.sender import Sender

from ..support.values import START

MINUTES = 60.0


def message(number: int) -> Message:
    return Message("peer_down", START, None, None, (), None, f"text {number}")


class Receiver:
    """A receiver that is up or down, its sender, and a manual clock.

    ``told``: the messages it received, with their times.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.is_up = True
        self.told: list[tuple[str, float]] = []
        self.done: list[int] = []
        self.tries: list[float] = []
        self.sender = Sender(
            self, "receiver", lambda number, _: self.done.append(number), monotonic=self.time
        )

    def time(self) -> float:
        return self.now

    def __call__(self, message: Message) -> None:
        self.tries.append(self.now)
        if not self.is_up:
            raise UndeliveredError("no answer")
        self.told.append((message.text, self.now))

    def put(self, *numbers: int) -> float | None:
        for number in numbers:
            self.sender.put(number, message(number))
        return self.sender.step()

    def pass_time(self, until: float) -> None:
        """Advance the clock from try to try."""
        while (wait := self.sender.step()) is not None and self.now + wait <= until:
            assert wait > 0
            self.now += wait
        self.now = until


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_messages_are_delivered_in_order(receiver: Receiver) -> None:
    assert receiver.put(1, 2, 3) is None
    assert receiver.told == [("text 1", 0), ("text 2", 0), ("text 3", 0)]
    assert receiver.done == [1, 2, 3]


def test_failed_deliveries_are_retried_with_backoff(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver.is_up = False
    assert receiver.put(1, 2) == 10
    receiver.pass_time(20 * MINUTES)
    assert receiver.tries == [0, 10, 30, 70, 150, 310, 630]
    assert receiver.done == []
    receiver.is_up = True
    receiver.pass_time(40 * MINUTES)
    assert receiver.told == [("text 1", 1230), ("text 2", 1230)]
    assert [record.getMessage() for record in caplog.records] == [
        "an alert could not be delivered to receiver, trying again for an hour: no answer",
        "alerts to receiver are delivered again",
    ]


def test_after_an_hour_a_message_is_logged_and_dropped(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.is_up = False
    receiver.put(1)
    receiver.pass_time(59 * MINUTES)
    assert receiver.done == []
    receiver.pass_time(70 * MINUTES)
    assert receiver.done == [1]
    assert receiver.sender.step() is None
    assert "dropping it: no answer: text 1" in caplog.text


def test_a_receiver_down_for_hours_gets_messages_of_the_last_hour(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.is_up = False
    for number in range(24):  # every ten minutes, for four hours
        receiver.put(number)
        receiver.pass_time((number + 1) * 10 * MINUTES)
    assert receiver.done == sorted(receiver.done)
    receiver.is_up = True
    receiver.pass_time(receiver.now + 10 * MINUTES)
    told = [int(text.split()[1]) for text, _ in receiver.told]
    assert told == list(range(told[0], 24))
    assert told[0] in (17, 18)
    assert caplog.text.count("trying again for an hour") == 1
    assert caplog.text.count("dropping it") == told[0]
    assert receiver.done == list(range(24))
    assert len(receiver.tries) < 50


def test_withdrawn_messages_are_not_retried(receiver: Receiver) -> None:
    receiver.is_up = False
    receiver.put(1, 2)
    receiver.sender.withdraw(1)
    receiver.is_up = True
    assert receiver.put(3) is None
    assert [text for text, _ in receiver.told] == ["text 2", "text 3"]
    assert receiver.done == [1, 2, 3]


def test_texts_of_other_errors_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """They may contain the arguments of the receiver."""

    def tell(_: Message) -> None:
        raise RuntimeError("hidden-token")

    sender = Sender(tell, "receiver", lambda number, name: None, monotonic=lambda: 0)
    sender.put(1, message(1))
    assert sender.step() == 10
    assert "RuntimeError" in caplog.text
    assert "hidden-token" not in caplog.text
