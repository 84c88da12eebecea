"""Subscriptions during sends: no update is missed from the first one on, in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from chanfitness import ShuttingDownError
from chanfitness.subscribe import ENDED, Client

from .schedules import explore
from .stepped import SteppedNotifier, stepped
from .stepping import Run


@pytest.fixture(autouse=True)
def all_stepped() -> Iterator[None]:
    with stepped():
        yield


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("stops", [False, True])
def test_a_client_that_subscribes_during_sends_gets_all_later_updates(
    before: int, stops: bool
) -> None:
    def case(run: Run) -> Callable[[], object]:
        notifier = SteppedNotifier()
        clients: list[Client[object]] = [notifier.subscribe() for _ in range(before)]

        def send(number: int) -> None:
            with suppress(ShuttingDownError):
                notifier.send_update((number, 1))
                notifier.send_update((number, 2))

        def subscribe() -> None:
            with suppress(ShuttingDownError):
                clients.append(notifier.subscribe())

        for number in (1, 2):
            run.party(f"sender {number}", partial(send, number))
        run.party("subscriber", subscribe)
        if stops:
            run.party("stop", notifier.stop)

        def check() -> None:
            seen = [list(client.updates.queue) for client in clients]
            longest = max(seen, key=len, default=[])
            for updates in seen:
                assert updates == longest[len(longest) - len(updates) :]
                assert (ENDED in updates) == stops

        return check

    assert explore(case).schedules > 10
