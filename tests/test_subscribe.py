"""Fan-out: every client gets every update in one order, and ENDED last."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from chanfitness import ShuttingDownError
from chanfitness.subscribe import ENDED, Client, Server

from .support.stores import WAIT, Call, call_together


def drain(client: Client[Any]) -> list[Any]:
    """Return the content of a client's queue."""
    return [client.updates.get_nowait() for _ in range(client.updates.qsize())]


@pytest.fixture
def server() -> Server[object]:
    return Server()


# Sending


def test_every_client_gets_every_update(server: Server[object]) -> None:
    clients = [server.subscribe() for _ in range(3)]

    for update in ("a", "b", "c"):
        server.send_update(update)

    assert [drain(client) for client in clients] == [["a", "b", "c"]] * 3


def test_one_client_alone_gets_every_update(server: Server[object]) -> None:
    client = server.subscribe()

    server.send_update("a")
    server.send_update("b")

    assert drain(client) == ["a", "b"]


def test_an_update_without_clients_is_dropped(server: Server[object]) -> None:
    server.send_update("nobody hears this")

    assert drain(server.subscribe()) == []


def test_a_client_gets_updates_from_its_subscription_on(server: Server[object]) -> None:
    early = server.subscribe()
    server.send_update("a")
    late = server.subscribe()
    server.send_update("b")

    assert (drain(early), drain(late)) == (["a", "b"], ["b"])


def test_a_client_s_queue_is_an_unbounded_queue(server: Server[object]) -> None:
    client = server.subscribe()

    assert isinstance(client.updates, queue.Queue)
    assert client.updates.maxsize == 0


def test_a_client_s_queue_counts_unfinished_items(server: Server[object]) -> None:
    client = server.subscribe()
    server.send_update("a")
    joining = Call(client.updates.join)

    client.updates.get(timeout=WAIT)
    client.updates.task_done()

    joining.result()
    with pytest.raises(ValueError, match="too many times"):
        client.updates.task_done()


@pytest.mark.parametrize("count_of_clients", [1, 3])
def test_promise_1_all_clients_get_one_order_from_many_senders(count_of_clients: int) -> None:
    server: Server[tuple[int, int]] = Server()
    clients = [server.subscribe() for _ in range(count_of_clients)]

    def sender(number: int) -> Callable[[], None]:
        def send() -> None:
            for count in range(200):
                server.send_update((number, count))

        return send

    call_together(*map(sender, range(6)))

    first, *others = map(drain, clients)
    assert others == [first] * (count_of_clients - 1)
    assert sorted(first) == [(number, count) for number in range(6) for count in range(200)]
    for number in range(6):
        assert [count for who, count in first if who == number] == list(range(200))


def test_each_update_wakes_one_waiting_reader(server: Server[object]) -> None:
    client = server.subscribe()
    readers = [Call(client.updates.get, True, WAIT) for _ in range(4)]

    for update in range(4):
        server.send_update(update)

    assert sorted(reader.result() for reader in readers) == [0, 1, 2, 3]


@pytest.mark.parametrize("end", ["cancel", "stop"])
def test_the_end_wakes_a_waiting_reader(server: Server[object], end: str) -> None:
    client = server.subscribe()
    reader = Call(client.updates.get, True, WAIT)
    watcher = Call(client.quit.wait, WAIT)

    (client.cancel if end == "cancel" else server.stop)()

    assert reader.result() is ENDED
    assert watcher.result() is True


# Ending


def test_cancel_ends_this_client_and_no_other(server: Server[object]) -> None:
    client, other = server.subscribe(), server.subscribe()
    server.send_update("a")

    client.cancel()
    server.send_update("b")

    assert (drain(client), drain(other)) == (["a", ENDED], ["a", "b"])
    assert client.quit.is_set()
    assert not other.quit.is_set()


def test_a_second_cancel_does_nothing(server: Server[object]) -> None:
    client = server.subscribe()

    client.cancel()
    client.cancel()

    assert drain(client) == [ENDED]


def test_cancel_by_many_threads_ends_the_client_once(server: Server[object]) -> None:
    client = server.subscribe()

    call_together(*[client.cancel] * 8, server.stop)

    assert drain(client) == [ENDED]


def test_stop_ends_every_client(server: Server[object]) -> None:
    clients = [server.subscribe() for _ in range(3)]
    server.send_update("a")

    server.stop()

    assert [drain(client) for client in clients] == [["a", ENDED]] * 3
    assert all(client.quit.is_set() for client in clients)


def test_stop_twice_and_cancel_after_it_do_nothing(server: Server[object]) -> None:
    client = server.subscribe()

    server.stop()
    server.stop()
    client.cancel()

    assert drain(client) == [ENDED]


@pytest.mark.parametrize("count_of_clients", [0, 1, 2])
def test_after_stop_sending_and_subscribing_are_refused(
    server: Server[object], count_of_clients: int
) -> None:
    clients = [server.subscribe() for _ in range(count_of_clients)]
    server.stop()

    with pytest.raises(ShuttingDownError, match="this server has stopped"):
        server.send_update("late")
    with pytest.raises(ShuttingDownError, match="this server has stopped"):
        server.subscribe()

    assert [drain(client) for client in clients] == [[ENDED]] * count_of_clients


def test_no_update_follows_the_end(server: Server[object]) -> None:
    client = server.subscribe()
    client.cancel()

    client.updates.put("late")
    client.updates.put_nowait("later")

    assert drain(client) == [ENDED]
    assert client.updates.unfinished_tasks == 1


def test_a_subscription_during_stop_is_refused_or_ended() -> None:
    for _ in range(100):
        server: Server[object] = Server()
        clients: list[Client[object]] = []

        def subscribe(server: Server[object], clients: list[Client[object]]) -> None:
            with suppress(ShuttingDownError):
                while True:
                    clients.append(server.subscribe())

        call_together(partial(subscribe, server, clients), server.stop)

        assert all(client.quit.is_set() for client in clients)
        assert all(drain(client) == [ENDED] for client in clients)


def test_ended_shows_its_public_name() -> None:
    assert repr(ENDED) == "subscribe.ENDED"
