"""Waiting on many ``queue.Queue`` objects at once, in order and without polling.

``queue.Queue`` has no ``select``. While a queue is *watched*, its ``_put`` (the
documented override hook, called with the queue's mutex held) also *notes* the
put in one ready list: this queue, this moment. The ready list is a
``queue.SimpleQueue``, so one blocking ``get()`` on it waits for all queues, its
order is the order of the puts, and each note carries the moment of its put.
What needs no queue of its own is *posted* straight into the ready list.

A note does not hold the item: that stays in its queue until it is taken, so a
bounded queue keeps its bound and an item that is not taken is still there.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from operator import itemgetter
from typing import Any, Final

from typing_extensions import final

from ..clock import Moment

_HOOKS = ("_put", "shutdown")
_END = object()
_GONE = object()

_Entry = tuple[Any, Any]
"""(a _Source, moment): the next item of that queue; (anything else, moment): that."""

_what = itemgetter(0)


@final
class _Ended:
    def __repr__(self) -> str:
        return "subscribe.ENDED"


ENDED: Final = _Ended()
"""The last item of a subscription that was cancelled, or whose server stopped."""


class WatchableQueue(queue.Queue[Any]):
    """An unbounded queue that is made to be watched, which is faster than a hook.

    A put never waits, and takes the lock with a plain ``with``, which an
    interrupt cannot leave locked. While there is a watcher the put is noted
    there; otherwise it wakes whoever waits in ``get``. After the item ``last``
    nothing more is put, and nothing after a shutdown.
    """

    is_shutdown = False  # as in Python 3.13 and newer

    def __init__(self, last: object) -> None:
        super().__init__()
        self._last = last
        self._ended = False
        self.watcher: _Source | None = None  # guarded, as all else here, by the mutex

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Add ``item``, unless nothing more is to be put."""
        with self.mutex:
            if self._ended or self.is_shutdown:
                return
            watcher = self.watcher
            self._ended = item is self._last
            if watcher is None:
                self.not_empty.notify()
            else:
                watcher.note((watcher, None if self._ended else watcher.read()))
            self.queue.append(item)
            self.unfinished_tasks += 1


class _Source:
    """A watched queue: its hooks, and how items are taken and acknowledged."""

    def __init__(
        self,
        updates: queue.Queue[Any],
        note: Callable[[_Entry], None],
        read: Callable[[], Moment],
        at_shutdown: object,
    ) -> None:
        self.queue = updates
        self.note = note
        self.read = read
        self.taken: list[Any] = []
        self._to_acknowledge = 0
        self._at_shutdown = at_shutdown
        self._told_of_shutdown = False
        self._before = {name: vars(updates)[name] for name in _HOOKS if name in vars(updates)}
        self._plain_put, self._plain_get = _put_and_get(updates)
        self._plain_shutdown: Callable[..., None] | None = getattr(updates, "shutdown", None)

    def hook(self, now: Moment) -> None:
        """Begin to note puts; the queue's mutex is held.

        What is in the queue already counts as put ``now``.
        """
        for _ in range(self.queue._qsize()):
            self.note((self, now))
        if isinstance(self.queue, WatchableQueue):
            self.queue.watcher = self
        else:
            self.queue._put = self._put  # type: ignore[method-assign]
        if self._plain_shutdown is not None:
            self.queue.shutdown = self._shutdown  # type: ignore[attr-defined]
            if self.queue.is_shutdown:  # type: ignore[attr-defined]
                self._tell_of_shutdown()

    def unhook(self) -> None:
        """Leave the queue as it was. Needs no mutex: each step is atomic."""
        if isinstance(self.queue, WatchableQueue):
            self.queue.watcher = None
        for name in _HOOKS:
            vars(self.queue).pop(name, None)
        vars(self.queue).update(self._before)

    def _put(self, item: object) -> None:
        # The note first: an interrupt between the two leaves a note without an
        # item, which is skipped, and never an item that nobody knows of.
        self.note((self, self.read()))
        self._plain_put(item)

    def _shutdown(self, immediate: bool = False) -> None:
        assert self._plain_shutdown is not None
        self._plain_shutdown(immediate)
        with self.queue.mutex:
            self._tell_of_shutdown()

    def _tell_of_shutdown(self) -> None:
        if not self._told_of_shutdown:
            self._told_of_shutdown = True
            self.note((self._at_shutdown, None))

    def take(self, whats: list[Any], end: int | None) -> BaseException | None:
        """Take the items of the notes in ``whats[:end]``; the mutex is held.

        The newest notes count: if there are fewer items than notes, the oldest
        notes are without. ``taken`` then holds one entry a note, the first last.
        If the queue raises, that is returned, and ``taken`` ends where it did.
        """
        noted = whats.count(self)
        wanted = noted if end is None else whats[:end].count(self)
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
    ``post`` and ``end`` are for any thread, all else is for the one consumer.
    """

    def __init__(self, read: Callable[[], Moment]) -> None:
        self._read = read
        self._ready: queue.SimpleQueue[_Entry] = queue.SimpleQueue()
        self._sources: list[_Source] = []
        self._entries: list[_Entry] = []  # of the batch at hand
        self._held: list[_Source] = []  # the queues that they name
        self._end: int | None = None  # where the end is among them
        self.ended = False
        self.ended_at: Moment | None = None
        self._ending = False
        self._fault: BaseException | None = None

    def watch(self, updates: list[queue.Queue[Any]], at_shutdown: object) -> Moment:
        """Watch these queues from now on, and return what the clock says now.

        ``at_shutdown`` is delivered when a queue is shut down (Python 3.13).
        Raises ``TypeError`` for what cannot be watched and ``ValueError`` for a
        queue that is watched already; then none of them is.
        """
        for candidate in updates:
            if not isinstance(candidate, queue.Queue):
                raise TypeError(
                    f"cannot watch a {type(candidate).__module__}.{type(candidate).__qualname__}:"
                    " pass a queue.Queue (or a subclass of it)"
                )
        distinct = {id(each): each for each in updates}
        with ExitStack() as mutexes:
            # All at once: no put can fall between the reading and the hooks.
            for _, each in sorted(distinct.items()):
                mutexes.enter_context(each.mutex)
                if _is_watched(each):
                    raise ValueError("this queue is watched already, by another store")
            now = self._read()
            for each in distinct.values():
                source = _Source(each, self._ready.put, self._read, at_shutdown)
                self._sources.append(source)
                source.hook(now)
        return now

    def unwatch(self) -> None:
        """Leave the queues as they were before :meth:`watch`."""
        while self._sources:
            self._sources.pop().unhook()

    def post(self, item: object) -> None:
        """Put ``item`` straight into the ready list."""
        self._ready.put((item, self._read()))

    def end(self) -> None:
        """Let :meth:`take` hand out what was put until now, and then no more."""
        self._ending = True
        moment = None
        with suppress(Exception):  # a clock that fails is no reason not to end
            moment = self._read()
        self._ready.put((_END, moment))

    def take(self) -> Iterator[tuple[Any, Moment]]:
        """Wait for something to be put, and take all that was: a batch.

        Yields (item, moment) in the order of the puts; the moment of
        ``at_shutdown`` is None. ``ended`` then says whether these are the last.
        Raises what a queue raised while an item was taken from it, once all
        items before that one were handed out.
        """
        if self._fault is not None:
            raise self._fault
        entry = self._ready.get()
        self._entries.append(entry)
        self._held = []
        if type(entry[0]) is not _Source and not self._ending and self._ready.empty():
            return iter(self._entries)  # a question alone, the common case: no queue to look at
        try:
            whats = self._drain()
            end = whats.index(_END) if self._ending and _END in whats else None
            for source in self._held:
                self._fault = source.take(whats, end) or self._fault
            if end is not None and self._fault is None:
                self.ended, self.ended_at = True, self._entries[end][1]
        finally:
            for source in self._held:
                source.queue.mutex.release()
        self._end = end
        return self._in_order(end)

    def done(self) -> None:
        """Acknowledge the last batch: it was handled."""
        for source in self._held:
            source.acknowledge()
        if self._fault is None:
            del self._entries[: self._end]  # what was posted after the end is left over

    def leftovers(self) -> list[Any]:
        """What was posted and is not known to be handled.

        That is of the ready list, and of a batch that was handled in part.
        """
        entries = self._entries + [self._ready.get() for _ in range(self._ready.qsize())]
        return [what for what, _ in entries if not isinstance(what, _Source)]

    def _drain(self) -> list[Any]:
        """Move all of the ready list to ``_entries``, with the mutex of each
        queue that they name held: so each queue's notes and items are as many.

        Where notes are more, an item was taken by someone else, or its put was
        interrupted.
        """
        get, qsize = self._ready.get, self._ready.qsize
        whats: list[Any] = []
        while True:
            self._entries += [get() for _ in range(qsize())]
            fresh = list(map(_what, self._entries[len(whats) :]))
            whats += fresh
            new = set(self._sources).intersection(fresh).difference(self._held)
            if not new:
                return whats
            for source in new:
                source.queue.mutex.acquire()
                self._held.append(source)

    def _in_order(self, end: int | None) -> Iterator[tuple[Any, Moment]]:
        for what, moment in self._entries[:end]:
            if type(what) is not _Source:
                yield what, moment
            elif not what.taken:
                return  # the queue raised here: what comes later is lost with the loop
            elif (item := what.taken.pop()) is not _GONE:
                yield item, moment
