"""Waiting on many queues at once, in order and without polling.

All that is put comes into one *ready list*, a ``queue.SimpleQueue``: one blocking
``get()`` on it waits for everything, and its order is the order of the puts. Each entry
carries the moment of its put. What needs no queue is *posted* there. A
:class:`WatchableQueue` of our own hands its items over to it directly.

A plain ``queue.Queue`` has no ``select``. While it is watched, its ``_put`` (the
documented override hook, called with the queue's mutex held) *notes* the put in the
ready list. A note does not hold the item: that stays in its queue until it is taken, so
a bounded queue keeps its bound and an item that is not taken is still there.
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
item of a plain one; (item, moment, None): it was posted."""


class _Source:
    """A queue that is watched: its hooks, and how noted items are taken and acknowledged."""

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
        """Begin to note puts; the queue's mutex is held.

        What is in the queue already counts as put ``now``.
        """
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
        """Leave the queue as it was. Needs no mutex: each step is atomic."""
        if isinstance(self.queue, WatchableQueue):
            self.queue.give_back([])
            return
        for name in _HOOKS:
            vars(self.queue).pop(name, None)
        vars(self.queue).update(self._before)

    def _put(self, item: object) -> None:
        # The note first: an interrupt between the two leaves a note without an
        # item, which is skipped, and never an item that nobody knows of.
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
        """Take the items of ``wanted`` of the ``noted`` notes; the mutex is held.

        The newest notes count: if there are fewer items than notes, the oldest
        notes have no item. ``taken`` then holds one entry a note, the first last.
        If the queue raises, that is returned, and ``taken`` ends where it did.
        """
        gone = min(max(noted - self.queue._qsize(), 0), wanted)
        taken: list[Any] = [_GONE] * gone
        fault = None
        try:
            for _ in range(wanted - gone):
                taken.append(self._plain_get())
        except BaseException as error:  # the loop dies of it, after what came before
            fault = error
        self._to_acknowledge = len(taken) - gone
        taken.reverse()
        self.taken = taken
        return fault

    def acknowledge(self) -> None:
        """``task_done`` for what was taken last, and free its places."""
        updates, done = self.queue, self._to_acknowledge
        with updates.mutex:
            updates.unfinished_tasks = max(updates.unfinished_tasks - done, 0)
            if not updates.unfinished_tasks:
                updates.all_tasks_done.notify_all()
            if updates.maxsize > 0:
                updates.not_full.notify(done)


def _put_and_get(updates: queue.Queue[Any]) -> tuple[Callable[[Any], None], Callable[[], Any]]:
    """``_put`` and ``_get`` of a queue; a plain one's without their Python frames."""
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
    """One consumer's view of several queues and of what is posted beside them.

    ``read`` is called once for each put and each post, in the thread that puts.
    ``note``, ``post`` and ``end`` are for any thread, all else is for the one consumer.
    """

    def __init__(self, read: Callable[[], Moment]) -> None:
        self.read = read
        self._ready: queue.SimpleQueue[_Entry] = queue.SimpleQueue()
        # As a Watcher has them; bare, because each put of an event calls both.
        self.note, self.backlog = self._ready.put, self._ready.qsize
        self._sources: list[_Source] = []
        self._may_be_noted = True  # whether there may be notes among the entries
        self._consumer: int | None = None
        self._entries: list[_Entry] = []  # taken from the ready list, and in no batch yet
        self._handled: list[_Entry] = []  # the batch in hand, and how far it is handled
        self._batch: Iterator[_Entry] = iter(self._handled)
        self._noted: list[_Source] = []  # those of the notes in the batch
        self.ended = False
        self.ended_at: Moment | None = None
        self._ending = False
        self._fault: BaseException | None = None

    def watch(self, updates: Iterable[queue.Queue[Any]]) -> Moment:
        """Watch these queues from now on, and return what the clock says now.

        :data:`ENDED` is delivered when a queue is shut down (Python 3.13).
        Raises ``TypeError`` for what cannot be watched and ``ValueError`` for a
        queue that is watched already. After any error :meth:`close` undoes the rest.
        """
        distinct = {}
        for candidate in updates:
            if not isinstance(candidate, queue.Queue):
                raise TypeError(
                    f"cannot watch a {type(candidate).__module__}.{type(candidate).__qualname__}:"
                    " pass a queue.Queue (or a subclass of it)"
                )
            distinct[id(candidate)] = candidate
        # In one order, or two stores that start on the same queues could wait for each other.
        return self._watch_all(sorted(distinct.values(), key=lambda each: id(each.mutex)))

    def _watch_all(self, updates: list[queue.Queue[Any]], held: int = 0) -> Moment:
        """Hook all at once, so that no put falls between the reading and the hooks.

        Each mutex is taken by a plain ``with``, which an interrupt cannot leave locked.
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
        """Leave the queues as they were before :meth:`watch`; return what was posted.

        What was put into a watchable queue and not handled is in it again.
        """
        rest = length_hint(self._batch)
        in_hand = self._handled[-rest - 1 :]  # the first of them is what the consumer died of
        posted = [what for what, _, source in in_hand[:1] if source is None]
        self._entries = in_hand[1:] + self._entries
        while self._sources:
            source = self._sources.pop()
            if isinstance(source.queue, WatchableQueue):
                with source.queue.mutex:
                    self._drain_ready()
                    items = [what for what, _, queue in self._entries if queue is source.queue]
                    source.queue.give_back(items)
            source.unhook()
        self._drain_ready()
        posted += [what for what, _, source in self._entries if source is None]
        self._entries.clear()
        return posted

    def is_held_here(self) -> bool:
        """Whether this thread is in the middle of a put that :meth:`close` would wait for."""
        return any(
            isinstance(source.queue, WatchableQueue) and source.queue.is_held_here()
            for source in list(self._sources)
        )

    def abandon(self) -> None:
        """Leave the queues, in a child of ``fork``, where their mutexes may be held for good."""
        while self._sources:
            self._sources.pop().unhook()

    def post(self, item: object) -> None:
        """Put ``item`` straight into the ready list."""
        self.note((item, self.read(), None))

    def end(self) -> None:
        """Let :meth:`take` hand out what was put until now, and then no more."""
        self._ending = True
        moment = None
        with suppress(Exception):  # a clock that fails is no reason not to end
            moment = self.read()
        self.note((_END, moment, None))

    def is_here(self) -> bool:
        """Whether this is the consumer's thread."""
        return threading.get_ident() == self._consumer

    def take(self) -> Iterator[_Entry]:
        """Wait for something to be put, and take all that was: a batch.

        Iterates over (item, moment, source) in the order of the puts; the moment of
        :data:`ENDED` is None. ``ended`` then says whether these are the last.
        Raises what a queue raised while an item was taken from it, once all
        items before that one were handed out.
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
        """Acknowledge the last batch: it was handled."""
        for source in self._noted:
            source.acknowledge()
        self._noted, self._handled = [], []

    def begin(self) -> None:
        """The thread that calls this is the consumer."""
        self._consumer = threading.get_ident()

    def _drain_ready(self) -> None:
        get = self._ready.get
        self._entries += [get() for _ in range(self._ready.qsize())]

    def _resolve(self) -> None:
        """Make a batch of the entries as far as the end, with each note's item in its place."""
        held, noted = self._hold()
        try:
            end = self._where_the_end_is() if self._ending else None
            wanted = [source for what, _, source in self._entries[:end] if what is _NEXT]
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
        for index, (what, moment, source) in enumerate(entries):
            if what is not _NEXT:
                self._handled.append((what, moment, source))
            elif not source.taken:  # the queue raised here: the consumer is to die of it
                self._entries = entries[index + 1 :] + self._entries
                return
            elif (item := source.taken.pop()) is not _GONE:
                self._handled.append((item, moment, None))
        if end is not None:
            self.ended, self.ended_at = True, self._entries[0][1]

    def _hold(self) -> tuple[list[_Source], list[_Source]]:
        """Take the mutex of each plain queue that a note names; return these, and all notes.

        So each queue's notes and items are as many. Where notes are more, an item was
        taken by someone else, or its put was interrupted. What is noted of a watchable queue
        was in it before, and becomes no more.
        """
        held: list[_Source] = []
        while True:
            noted = [source for what, _, source in self._entries if what is _NEXT]
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

    def _where_the_end_is(self) -> int | None:
        whats = [what for what, _, _ in self._entries]
        return next((index for index, what in enumerate(whats) if what is _END), None)
