"""Builder of a decision: open alerts, their messages, and the rate limit."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..checks import printable
from ..core.saved_state import date_to_int, int_to_date, microseconds
from . import texts
from .messages import MORE, Message, begun_by, end_of
from .snapshot import Snapshot
from .state import Open, State

LIMIT = 20
"""Maximum number of messages in an hour; others are only counted."""

HOUR = datetime.timedelta(hours=1)
SETTLED = datetime.timedelta(seconds=10)
"""Time without another omitted message before a message counts the omitted ones."""

_ZERO = datetime.timedelta(0)


class Rules(NamedTuple):
    """Parameters of the rules.

    Attributes:
        after: Seen time after which an offline peer or an unusable channel causes a message.
        without: Kinds of messages to leave out.
        remembers: Whether accounts and state outlive the process.
        zone: Time zone in texts; None: this machine's.
    """

    after: datetime.timedelta
    without: frozenset[str] = frozenset()
    remembers: bool = True
    zone: datetime.tzinfo | None = None


class Subject(NamedTuple):
    """The subject of a message: a peer's key and alias, and channel points."""

    peer: str | None = None
    alias: str | None = None
    channels: tuple[str, ...] = ()


NODE = Subject()
"""The node itself."""


class Decision(NamedTuple):
    """The result of the rules for one snapshot.

    Attributes:
        state: The new state.
        messages: The messages to deliver.
        due: Time until the next decision if nothing happens before; None: none is due.
    """

    state: State
    messages: tuple[Message, ...]
    due: datetime.timedelta | None


class Draft:
    """A decision on one snapshot while it is being made. Not thread-safe."""

    def __init__(self, rules: Rules, state: State, snapshot: Snapshot) -> None:
        now = date_to_int(snapshot.now)
        hour = microseconds(HOUR)
        self.rules, self.snapshot = rules, snapshot
        self.channels = dict(state.channels)
        self.flap_counts, self.flaps = dict(state.flap_counts), dict(state.flaps)
        self.blind = state.blind
        self._open = dict(state.open)
        self._messages: list[Message] = []
        self._due: datetime.timedelta | None = None
        self._now = now
        # If the clock was set back, later dates become the present one.
        self._sent = [min(each, now) for each in state.sent if now - each < hour]
        self._left_out = dict(state.left_out)
        self._left_out_at = min(state.left_out_at, now)
        self._counted_at = None if state.counted_at is None else min(state.counted_at, now)

    def is_over(self, left: datetime.timedelta) -> bool:
        """Whether no time is left; if some is, schedule the next decision after it."""
        if left <= _ZERO:
            return True
        self.again_in(left)
        return False

    def again_in(self, left: datetime.timedelta) -> None:
        """Schedule the next decision after this time at the latest."""
        self._due = left if self._due is None else min(self._due, left)

    def lasts(self, kind: str, of: str = "") -> bool:
        """Whether an alert is open."""
        return _key(kind, of) in self._open

    def begin(
        self,
        kind: str,
        of: str,
        subject: Subject,
        since: datetime.datetime,
        text: Callable[[], str],
    ) -> None:
        """Open an alert and report it, or update the date of an open one after a clock change."""
        key = _key(kind, of)
        known = self._open.get(key)
        told = known.told if known is not None else self.tell(kind, subject, since, text)
        self._open[key] = Open(date_to_int(since), told)

    def end(
        self,
        kind: str,
        of: str,
        subject: Subject,
        text: Callable[[], str],
        *,
        told_as: str | None = None,
    ) -> None:
        """Close an alert, and report its end if its beginning was reported."""
        known = self._open.pop(_key(kind, of), None)
        if known is not None and known.told:
            self.tell(told_as or end_of(kind), subject, int_to_date(known.since), text)

    def elapsed(self, kind: str, of: str = "") -> str:
        """Return how long an alert has been open, as text."""
        return texts.period(self.snapshot.now - int_to_date(self._open[_key(kind, of)].since))

    def forget(self, kind: str, is_there: Callable[[str], bool]) -> None:
        """Drop open alerts about subjects that no longer exist, without a message."""
        gone = [key for key in self._open if _kind(key) == kind and not is_there(_of(key))]
        for key in gone:
            del self._open[key]

    def lasting(self, kind: str) -> list[str]:
        """Return the subjects of all open alerts of a kind."""
        return [_of(key) for key in self._open if _kind(key) == kind]

    def move(self, kind: str, of: str, new: str) -> None:
        """Rename the subject of an open alert."""
        known = self._open.pop(_key(kind, of), None)
        if known is not None:
            self._open[_key(kind, new)] = known

    def since(self, date: datetime.datetime) -> str:
        """Return a date as text."""
        return texts.since(date, self.snapshot.now, self.rules.zone)

    def tell(
        self,
        kind: str,
        subject: Subject,
        since: datetime.datetime | None,
        text: Callable[[], str],
    ) -> bool:
        """Add a message; return False if its kind is left out, or if it was only counted."""
        if begun_by(kind) in self.rules.without:
            return False
        if len(self._sent) >= LIMIT:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            self._left_out_at = self._now
            return False
        self._sent.append(self._now)
        self._put(kind, subject, since, text())
        return True

    def _put(self, kind: str, subject: Subject, since: datetime.datetime | None, text: str) -> None:
        peer, alias, channels = subject
        alias = None if alias is None else printable(alias)
        now = self.snapshot.now
        self._messages.append(Message(kind, now, peer, alias, channels, since, text))

    def decision(self) -> Decision:
        """Return the decision, with a message that counts omitted ones if it is due."""
        if self._left_out:
            now, counted_at = int_to_date(self._now), self._counted_at
            left = int_to_date(self._left_out_at) + SETTLED - now
            if counted_at is not None:
                left = max(left, int_to_date(counted_at) + HOUR - now)
            if self.is_over(left):
                self._messages.append(_count(self._left_out, self.snapshot.now))
                self._left_out, self._counted_at = {}, self._now
        state = State(
            self.channels,
            self._open,
            self.flap_counts,
            self.flaps,
            tuple(self._sent),
            self._left_out,
            self._left_out_at,
            self._counted_at,
            self.blind,
        )
        return Decision(state, tuple(self._messages), self._due)


def count_left_out(state: State, now: datetime.datetime) -> Message | None:
    """Return the message that counts the omitted ones, if any."""
    return _count(state.left_out, now) if state.left_out else None


def _count(left_out: Mapping[str, int], now: datetime.datetime) -> Message:
    counts = sorted(left_out.items(), key=lambda each: -each[1])
    return Message(MORE, now, None, None, (), None, texts.counted(counts))


def _key(kind: str, of: str) -> str:
    return f"{kind} {of}"


def _kind(key: str) -> str:
    return key.partition(" ")[0]


def _of(key: str) -> str:
    return key.partition(" ")[2]
