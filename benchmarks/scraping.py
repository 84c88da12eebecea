"""Costs of scrapes, and of questions meanwhile, with and without a flood of half requests."""

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
"""Seconds between two questions; without a pause, one thread keeps the GIL for many."""


def scrape(port: int, count: int) -> None:
    """Scrape once; raise unless the answer has ``count`` channels."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(REQUEST)
        received = bytearray()
        while data := client.recv(1 << 20):
            received += data
    if received.count(b"\nchanfitness_channel_lifetime_seconds{") != count:
        raise RuntimeError(f"a scrape has not all {count} channels")


@contextmanager
def flood(port: int) -> Iterator[None]:
    """Connect clients that send only the first eight bytes of a request."""
    with ExitStack() as clients:
        for _ in range(HALF_REQUESTS):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /met")
        yield


def flooded_scrape(port: int, count: int) -> float:
    """Return the seconds of a scrape during a new flood."""
    with flood(port):
        return timed(1, partial(scrape, port, count))


def questions(store: ChannelEventStore, count: int) -> list[float]:
    """Return the seconds of questions with pauses, sorted."""
    (channel,) = channels(1)
    taken = []
    for _ in repeat(None, count):
        time.sleep(PAUSE)
        taken.append(timed(1, lambda: store.get_chan_info(*channel)))
    return sorted(taken)


def flooded_questions(store: ChannelEventStore, port: int, size: int, count: int) -> list[float]:
    """Return the same during a flood and scrapes without a pause."""
    enough = threading.Event()

    def scrape_on() -> None:
        while not enough.is_set():
            scrape(port, size)

    with flood(port), beside([scrape_on], end=enough.set):
        return questions(store, count)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of scrapes, and of questions during them."""
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
