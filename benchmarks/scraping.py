"""What scrapes cost, and questions meanwhile, alone and under a flood of half requests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import repeat

from chanfitness import ChannelEventStore
from chanfitness.exporter import serve

from .measure import Figure, figure, percentile, take_turns, timed
from .sizes import Sizes
from .stores import channels, running
from .threads import beside

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_REQUESTS = 200
PAUSE = 0.001
"""Seconds between two questions: without it, one thread would keep Python's lock for many."""


def scrape(port: int, count: int) -> None:
    """One scrape, which must have all of so many channels."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(REQUEST)
        received = bytearray()
        while data := client.recv(1 << 20):
            received += data
    if received.count(b"\nchanfitness_channel_lifetime_seconds{") != count:
        raise RuntimeError("a scrape was not whole")


@contextmanager
def flood(port: int) -> Iterator[None]:
    """So many clients that send eight bytes each, and no more."""
    with ExitStack() as clients:
        for _ in range(HALF_REQUESTS):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /met")
        yield


def flooded_scrape(port: int, count: int) -> float:
    """Seconds of a scrape beside a flood that has just come."""
    with flood(port):
        return timed(1, partial(scrape, port, count))


def questions(store: ChannelEventStore, count: int) -> list[float]:
    """How long so many questions take that come now and then, the shortest first."""
    (channel,) = channels(1)
    taken = []
    for _ in repeat(None, count):
        time.sleep(PAUSE)
        taken.append(timed(1, lambda: store.get_chan_info(*channel)))
    return sorted(taken)


def flooded_questions(store: ChannelEventStore, port: int, size: int, count: int) -> list[float]:
    """The same beside a flood, and scrapes without a pause."""
    enough = threading.Event()

    def scrape_on() -> None:
        while not enough.is_set():
            scrape(port, size)

    with flood(port), beside([scrape_on], end=enough.set):
        return questions(store, count)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Of scrapes, and of questions beside them."""
    count = sizes.of(5000)
    size = f"{count:,} channels"
    with running(channels(count)) as (store, _), serve(store, ("127.0.0.1", 0)) as server:
        alone = partial(timed, 1, partial(scrape, server.port, count))
        below, costs = take_turns(
            sizes.rounds(15), [alone, partial(flooded_scrape, server.port, count)]
        )
        name = f"scrape, {HALF_REQUESTS} half requests"
        yield figure(name, size, costs, "scrape alone", below)
        asked = sizes.of(2000)
        below_all, taken = take_turns(
            sizes.rounds(3),
            [
                partial(questions, store, asked),
                partial(flooded_questions, store, server.port, count, asked),
            ],
        )
        for percent in (50, 99):
            yield figure(
                f"question, p{percent}, while scraped",
                size,
                [percentile(each, percent) for each in taken],
                "question alone",
                [percentile(each, percent) for each in below_all],
            )
