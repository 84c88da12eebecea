"""Growth curves of costs with channels, events, peers, producers, callers and kept changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import repeat

from chanfitness import ChannelEventStore, PeerNotifier

from . import memory, remembering
from .events import burst, event, recording, replayed
from .measure import BYTES, Curve, curve, percentile, take_turns, timed
from .questions import ask_on, list_on, loaded_latencies
from .sizes import Sizes
from .starting import start_and_stop
from .stores import ALICE, PEERS, channels, flap, peers, running
from .threads import together

_TENS = (1, 10, 100, 1_000, 10_000, 100_000)
_THREADS = (1, 2, 4, 8, 16)


def _along(sizes: Sequence[int], rounds: int, cost: Callable[[int], float]) -> list[list[float]]:
    """Return the costs at each size, measured in turns."""
    return take_turns(rounds, [partial(cost, size) for size in sizes])


def against_channels(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of events, questions and ``list_channels`` against channels."""
    along = sizes.along(_TENS)
    with ExitStack() as stack:
        stores = {n: stack.enter_context(running(channels(n))) for n in along}
        yield from _of_stores(sizes, "channels", stores)
        rounds = sizes.rounds(9)
        costs = _along(along, rounds, lambda n: list_on(stores[n][0].list_channels, n))
    yield curve("list_channels", "channels", along, costs, fitted=3)


def of_start(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of start and stop against channels."""
    along = sizes.along(_TENS)
    starts_and_stops = take_turns(sizes.rounds(5), [partial(start_and_stop, n) for n in along])
    starts = [[start for start, _ in each] for each in starts_and_stops]
    stops = [[stop for _, stop in each] for each in starts_and_stops]
    yield curve("start", "channels", along, starts, fitted=3)
    yield curve("stop", "channels", along, stops)


def against_peers(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of events, questions and ``list_peers`` against online peers."""
    along = sizes.along(_TENS)
    with ExitStack() as stack:
        stores = {}
        for count in along:
            stores[count] = store, notifier = stack.enter_context(running(channels(1)))
            for peer in peers(count):
                notifier.notify_peer_online(peer)
            store.get_peer_info(ALICE)
        yield from _of_stores(sizes, "peers", stores)
        rounds = sizes.rounds(5)
        costs = _along(along, rounds, lambda n: list_on(stores[n][0].list_peers, n))
    yield curve("list_peers", "peers", along, costs, fitted=3)


def _of_stores(
    sizes: Sizes, against: str, stores: dict[int, tuple[ChannelEventStore, PeerNotifier]]
) -> Iterator[Curve]:
    along, rounds = list(stores), sizes.rounds(7)
    count = sizes.of(5000)
    events = _along(along, rounds, lambda n: burst(*stores[n], count))
    yield curve("event", against, along, events)
    count = sizes.of(500)
    questions = _along(along, rounds, lambda n: ask_on(stores[n][0], count))
    yield curve("question", against, along, questions)


def against_events(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of events, later questions and replays against events."""
    along = sizes.along(_TENS[3:])
    costs = _along(along, sizes.rounds(5), event)
    yield curve("event", "events", along, costs)
    along = sizes.along(_TENS)
    with ExitStack() as stack:
        stores = {}
        for behind in along:
            stores[behind], notifier = stack.enter_context(running(channels(1)))
            flap(notifier, behind)
            stores[behind].get_peer_info(ALICE)
        count = sizes.of(500)
        costs = _along(along, sizes.rounds(7), lambda n: ask_on(stores[n], count))
    yield curve("question", "events", along, costs)
    along = sizes.along(_TENS[2:])
    texts = {n: recording(n) for n in along}
    costs = _along(along, sizes.rounds(3), lambda n: replayed(texts[n]))
    yield curve("replay", "events", along, costs, fitted=3)


def against_threads(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of events and questions against concurrent producers and callers."""
    along = sizes.along(_THREADS)
    count = sizes.of(16_000)
    costs = _along(along, sizes.rounds(7), lambda n: produced(n, count))
    yield curve("event", "producers", along, costs)
    count = sizes.of(1600)
    costs = _along(along, sizes.rounds(7), lambda n: called(n, count))
    yield curve("question", "callers", along, costs)
    along = sizes.along(_THREADS[:4])
    count = sizes.of(200)
    costs = _along(along, sizes.rounds(5), lambda n: percentile(loaded_latencies(count, n), 50))
    yield curve("question, full load", "producers", along, costs, fitted=3)


def produced(producers: int, count: int) -> float:
    """Return the seconds an event takes if ``producers`` put at once."""
    with running(channels(1)) as (store, notifier):

        def work() -> None:
            each = count // producers
            together([partial(flap, notifier, each, PEERS[n]) for n in range(producers)])
            store.list_channels()

        return timed(count, work)


def called(callers: int, count: int) -> float:
    """Return the seconds an answer takes if ``callers`` ask at once."""
    (channel,) = channels(1)
    with running([channel]) as (store, _):

        def ask() -> None:
            for _ in repeat(None, max(count // callers, 1)):
                store.get_chan_info(*channel)

        return timed(count, lambda: together([ask] * callers))


def against_changes(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of histories and starts from a database against kept changes."""
    along = sizes.along(_TENS[2:])
    with ExitStack() as stack:
        stores = {n: stack.enter_context(remembering.with_changes(n)) for n in along}
        count = sizes.of(500)
        rounds = sizes.rounds(7)
        costs = _along(along, rounds, lambda n: remembering.window_question(stores[n], count))
        yield curve("window question", "kept changes", along, costs)
        costs = _along(along, rounds, lambda n: remembering.whole_history(stores[n]))
        yield curve("whole history", "kept changes", along, costs, fitted=3)
    with ExitStack() as stack:
        storages = {n: stack.enter_context(remembering.database(n)) for n in along}
        costs = _along(along, sizes.rounds(5), lambda n: remembering.start_from(storages[n], 1))
    yield curve("start from a database", "kept changes", along, costs, fitted=2)


def of_flush(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curve of the last flush against changed peers."""
    along = sizes.along(_TENS[1:5])
    changed = {n: peers(n) for n in along}
    costs = _along(along, sizes.rounds(5), lambda n: remembering.last_flush(changed[n]))
    yield curve("last flush", "peers", along, costs, fitted=2)


def of_memory(sizes: Sizes) -> Iterator[Curve]:
    """Yield the curves of memory: more than with one item, and in all against events."""
    along = sizes.along(_TENS[3:])
    for against, subject in (
        ("channels", memory.of_channels),
        ("peers", memory.of_peers),
        ("kept changes", memory.of_changes),
    ):
        costs = _along(along, sizes.rounds(2), partial(memory.more, subject))
        yield curve("memory", against, along, costs, unit=BYTES, fitted=2)
    along = sizes.along(_TENS[:5])
    costs = _along(along, sizes.rounds(2), memory.of_events)
    yield curve("all memory", "events", along, costs, unit=BYTES)


def curves(sizes: Sizes) -> Iterator[Curve]:
    """Yield all curves."""
    for family in (
        against_channels,
        of_start,
        against_peers,
        against_events,
        against_threads,
        against_changes,
        of_flush,
        of_memory,
    ):
        yield from family(sizes)
