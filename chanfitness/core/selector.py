"""Selector that waits on many queues at once, in order and without polling.

All puts lead to one *ready list*, a ``queue.SimpleQueue``: one blocking ``get()`` waits for
all queues, and the order is that of the puts. An entry has the moment of its put. Items
without a queue are *posted* to the ready list. A :class:`WatchableQueue` passes its items to
it directly.

A plain ``queue.Queue`` has no ``select``. While it is watched, its ``_put`` (the documented
override hook, called with the queue's mutex held) adds a *note* of the put to the ready list.
The item itself stays in its queue until it is taken, so a bounded queue keeps its bound, and
no item is lost that is not taken.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from operator import length_hint
from typing import Any

from ..clock import Moment
from .watchable_queue import ENDED, WatchableQueue

_HOOKS = ("_put", "shutdown")
_END = object()
_NEXT = object()
_GONE = object()

_Entry = tuple[Any, Any, Any]
"""(item, moment, source): an item of a watchable queue; (_NEXT, moment, source): the next
item of a plain queue; (item, moment, None): a posted item."""


class _Source:
    """A watched queue: its hooks, and the taking and acknowledging of noted items."""

    def __init__(self, updates: queue.Queue[Any], selector: Selector) -> None:
        self.queue = updates
        self.taken: list[Any] = []
        self._selector = selector
        self._note, self._read = selector.note, selector.read
        self._to_acknowledge = 0
        self._told_of_shutdown = False
        self._before = {name: vars(updates)[name] for name in _HOOKS if name in vars(updates)}
        self._plain_put, self._plain_get = _put_and_get(updates)
        self._plain_shutdown: Callable[..., None] | None = getattr(updates, "shutdown", None)

    def hook(self, now: Moment) -> None:
        """Begin to note puts; the mutex is held. Items already in the queue count as put now."""
        for _ in range(self.queue._qsize()):
            self._note((_NEXT, now, self))
        if isinstance(self.queue, WatchableQueue):
            self.queue.hand_over_to(self._selector)
            return
        self.queue._put = self._put  # type: ignore[method-assign]
        if self._plain_shutdown is not None:
            self.queue.shutdown = self._shutdown  # type: ignore[attr-defined]
            if self.queue.is_shutdown:  # type: ignore[attr-defined]
                self._tell_of_shutdown()

    def unhook(self) -> None:
        """Restore the queue's methods. Needs no mutex, since each step is atomic."""
        if isinstance(self.queue, WatchableQueue):
            self.queue.give_back([])
            return
        for name in _HOOKS:
            vars(self.queue).pop(name, None)
        vars(self.queue).update(self._before)

    def _put(self, item: object) -> None:
        # The note comes first: an interrupt between the two then leaves a note without an
        # item, which is skipped, not an item without a note, which would stay unhandled.
        self._note((_NEXT, self._read(), self))
        self._plain_put(item)

    def _shutdown(self, immediate: bool = False) -> None:
        assert self._plain_shutdown is not None
        self._plain_shutdown(immediate)
        with self.queue.mutex:
            self._tell_of_shutdown()

    def _tell_of_shutdown(self) -> None:
        if not self._told_of_shutdown:
            self._told_of_shutdown = True
            self._note((ENDED, None, None))

    def take(self, noted: int, wanted: int) -> BaseException | None:
        """Take the items of the first ``wanted`` of the ``noted`` notes; the mutex is held.

        If the queue has fewer items than notes, the oldest notes have no item. ``taken`` then
        holds one entry a note, in reverse order. Return an error that the queue raises;
        ``taken`` has the entries before it.
        """
        gone = min(max(noted - self.queue._qsize(), 0), wanted)
        taken: list[Any] = [_GONE] * gone
        fault = None
        try:
            for _ in range(wanted - gone):
                taken.append(self._plain_get())
        except BaseException as error:  # the loop raises it, after it handled earlier items
            fault = error
        self._to_acknowledge = len(taken) - gone
        taken.reverse()
        self.taken = taken
        return fault

    def acknowledge(self) -> None:
        """Call ``task_done`` for the last items taken, and free their places."""
        updates, done = self.queue, self._to_acknowledge
        with updates.mutex:
            updates.unfinished_tasks = max(updates.unfinished_tasks - done, 0)
            if not updates.unfinished_tasks:
                updates.all_tasks_done.notify_all()
            if updates.maxsize > 0:
                updates.not_full.notify(done)


def _put_and_get(updates: queue.Queue[Any]) -> tuple[Callable[[Any], None], Callable[[], Any]]:
    """Return ``_put`` and ``_get`` of a queue; of a plain queue, faster equivalents."""
    kind = type(updates)
    if (
        kind._put is queue.Queue._put
        and kind._get is queue.Queue._get
        and not vars(updates).keys() & {"_put", "_get"}
    ):
        return updates.queue.append, updates.queue.popleft
    return updates._put, updates._get


def _is_watched(updates: queue.Queue[Any]) -> bool:
    if isinstance(updates, WatchableQueue):
        return updates.watcher is not None
    return isinstance(getattr(updates._put, "__self__", None), _Source)


class Selector:
    """Merges several queues and posted items into one ordered stream for one consumer.

    ``note``, ``post`` and ``end`` are safe from any thread; all else is for the consumer.

    Args:
        read: Reads the clock; called once for each put and post, in the putting thread.
    """

    def __init__(self, read: Callable[[], Moment]) -> None:
        self.read = read
        self._ready: queue.SimpleQueue[_Entry] = queue.SimpleQueue()
        # The methods of Watcher, without frames of their own: each put calls both.
        self.note, self.backlog = self._ready.put, self._ready.qsize
        self._sources: list[_Source] = []
        self._may_be_noted = True  # whether there may be notes among the entries
        self._consumer: int | None = None
        self._entries: list[_Entry] = []  # taken from the ready list, not yet in a batch
        self._handled: list[_Entry] = []  # the current batch
        self._batch: Iterator[_Entry] = iter(self._handled)  # its unhandled rest
        self._noted: list[_Source] = []  # the sources of the notes in the batch
        self.ended = False
        self.ended_at: Moment | None = None
        self._ending = False
        self._fault: BaseException | None = None

    def watch(self, updates: Iterable[queue.Queue[Any]]) -> Moment:
        """Watch these queues from now on, and return the present moment.

        :data:`ENDED` is delivered when a queue is shut down (Python 3.13). After any error
        :meth:`close` restores the queues.

        Raises:
            TypeError: An object is no ``queue.Queue``.
            ValueError: A queue is watched already.
        """
        distinct = {}
        for candidate in updates:
            if not isinstance(candidate, queue.Queue):
                raise TypeError(
                    f"cannot watch a {type(candidate).__module__}.{type(candidate).__qualname__}:"
                    " pass a queue.Queue (or a subclass of it)"
                )
            distinct[id(candidate)] = candidate
        # Sorted, because two stores that start on the same queues could otherwise deadlock.
        return self._watch_all(sorted(distinct.values(), key=lambda each: id(each.mutex)))

    def _watch_all(self, updates: list[queue.Queue[Any]], held: int = 0) -> Moment:
        """Hook all queues under all mutexes, so that no put falls between clock and hooks.

        Recursive, because an interrupt cannot leave a mutex locked that a ``with`` took.
        """
        if held < len(updates):
            with updates[held].mutex:
                if _is_watched(updates[held]):
                    raise ValueError("this queue is watched already, by another store")
                return self._watch_all(updates, held + 1)
        now = self.read()
        for each in updates:
            self._sources.append(_Source(each, self))
            self._sources[-1].hook(now)
        return now

    def close(self) -> list[Any]:
        """Restore the queues, and return the posted items that were not handled.

        Unhandled items of a watchable queue are in it again.
        """
        rest = length_hint(self._batch)
        in_hand = self._handled[-rest - 1 :]  # begins with the item at which the consumer died
        posted = [item for item, _, source in in_hand[:1] if source is None]
        self._entries = in_hand[1:] + self._entries
        while self._sources:
            source = self._sources.pop()
            if isinstance(source.queue, WatchableQueue):
                with source.queue.mutex:
                    self._drain_ready()
                    items = [item for item, _, queue in self._entries if queue is source.queue]
                    source.queue.give_back(items)
            source.unhook()
        self._drain_ready()
        posted += [item for item, _, source in self._entries if source is None]
        self._entries.clear()
        return posted

    def is_held_here(self) -> bool:
        """Return whether this thread is in a put that :meth:`close` would wait for."""
        return any(
            isinstance(source.queue, WatchableQueue) and source.queue.is_held_here()
            for source in list(self._sources)
        )

    def abandon(self) -> None:
        """Restore the queues in a child of ``fork``, where mutexes may be locked for ever."""
        while self._sources:
            self._sources.pop().unhook()

    def post(self, item: object) -> None:
        """Put ``item`` directly into the ready list."""
        self.note((item, self.read(), None))

    def end(self) -> None:
        """Make :meth:`take` return the entries put until now, and then no more."""
        self._ending = True
        moment = None
        with suppress(Exception):  # end even if the clock fails
            moment = self.read()
        self.note((_END, moment, None))

    def is_here(self) -> bool:
        """Return whether this is the consumer's thread."""
        return threading.get_ident() == self._consumer

    def take(self) -> Iterator[_Entry]:
        """Wait for a put, and take all waiting entries as a batch.

        Raise the error that a queue raised at a take, after the batch with all items before it.

        Returns:
            An iterator over (item, moment, source) in the order of the puts; the moment of
            :data:`ENDED` is None. ``ended`` then tells whether this is the last batch.
        """
        if self._fault is not None:
            raise self._fault
        self._entries.append(self._ready.get())
        self._drain_ready()
        if self._may_be_noted or self._ending:
            self._resolve()
        else:
            self._handled, self._entries = self._entries, []
        self._batch = iter(self._handled)
        return self._batch

    def done(self) -> None:
        """Acknowledge the last batch, which was handled."""
        for source in self._noted:
            source.acknowledge()
        self._noted, self._handled = [], []

    def begin(self) -> None:
        """Make the calling thread the consumer."""
        self._consumer = threading.get_ident()

    def _drain_ready(self) -> None:
        get = self._ready.get
        self._entries += [get() for _ in range(self._ready.qsize())]

    def _resolve(self) -> None:
        """Make a batch of the entries before the end, with items in place of their notes."""
        held, noted = self._hold()
        try:
            end = self._index_of_end() if self._ending else None
            wanted = [source for item, _, source in self._entries[:end] if item is _NEXT]
            for source in self._noted:
                with source.queue.mutex if source not in held else nullcontext():
                    fault = source.take(noted.count(source), wanted.count(source))
                self._fault = fault or self._fault
        finally:
            for source in held:
                source.queue.mutex.release()
        entries = self._entries[:end]
        self._entries = [] if end is None else self._entries[end:]
        self._handled = []
        for index, (item, moment, source) in enumerate(entries):
            if item is not _NEXT:
                self._handled.append((item, moment, source))
            elif not source.taken:  # the queue raised here: the next take() raises that
                self._entries = entries[index + 1 :] + self._entries
                return
            elif (taken := source.taken.pop()) is not _GONE:
                self._handled.append((taken, moment, None))
        if end is not None:
            self.ended, self.ended_at = True, self._entries[0][1]

    def _hold(self) -> tuple[list[_Source], list[_Source]]:
        """Lock each plain queue with a note; return these sources, and those of all notes.

        While locked, a queue has as many items as notes. It has fewer only if an item was
        taken by another reader, or its put was interrupted. Watchable queues need no lock:
        their notes, of items put before the watch, do not increase.
        """
        held: list[_Source] = []
        while True:
            noted = [source for item, _, source in self._entries if item is _NEXT]
            self._noted = list(dict.fromkeys(noted))
            fresh = [
                source
                for source in self._noted
                if source not in held and not isinstance(source.queue, WatchableQueue)
            ]
            if not fresh:
                break
            for source in fresh:
                source.queue.mutex.acquire()
                held.append(source)
            self._drain_ready()
        self._may_be_noted = any(
            not isinstance(source.queue, WatchableQueue) for source in self._sources
        )
        return held, noted

    def _index_of_end(self) -> int | None:
        items = [item for item, _, _ in self._entries]
        return next((index for index, item in enumerate(items) if item is _END), None)
