"""Lookup of peers and channels by name: alias, short channel id, key, channel point.

An *id* is unique: a public key, a channel point, a present or former short channel id, or
another identifier that the node uses. An *alias* is any text that a peer chose: several peers
may have the same, and ids take precedence over it. An unambiguous prefix of a name is enough (of
an id, at least four characters), as is a name cut as in tables, with ``...``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..checks import QUOTED_CHARACTERS, printable
from ..core.overview import ClosedChannel, Overview
from ..core.peer_outages import PeerOutage
from ..errors import ChanFitnessError
from ..terminal.cells import one_width
from ..terminal.formatting import short_alias, short_key, short_point
from ..wire import OutPoint, Vertex

_LEAST = 4  # characters in a prefix of an id
_MAXIMUM_SHOWN = 10
_CUT = "..."


class Named(NamedTuple):
    """A peer, or one of its channels, with all its names.

    Attributes:
        peer: The peer's key.
        alias: The peer's alias.
        channel_point: The channel's, as text; None: this is the peer itself.
        ids: Ids in lower case, a channel's present short channel id first, if it has one.
        others: Further ids; their prefixes count only where nothing else matches.
    """

    peer: Vertex
    alias: str | None
    channel_point: str | None
    ids: tuple[str, ...]
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the alias, a channel's short channel id, and the key or channel point, cut."""
        alias = short_alias(self.alias or "")
        if self.channel_point is None:
            return f"{alias} {short_key(str(self.peer))}"
        short_id = self.ids[0] if "x" in self.ids[0] else "-"
        return f"{alias} {short_id} {one_width(short_point(self.channel_point))}"


class UnknownNameError(ChanFitnessError):
    """No peer or channel has that name."""


class AmbiguousNameError(ValueError):
    """Several peers or channels match that name."""


def named_in(overview: Overview, others: Mapping[str, OutPoint] | None = None) -> list[Named]:
    """Return all peers and channels of a snapshot.

    ``others``: further ids of channels, in lower case.
    """
    further: dict[str, list[str]] = {}
    for name, point in (others or {}).items():
        further.setdefault(str(point), []).append(name)
    peers = {info.peer: info.alias for info in overview.peers}
    found = {
        (str(info.channel_point), info.peer): (info.short_channel_id, *info.former_ids)
        for info in overview.channels
    }
    for closed in overview.closed:
        peers.setdefault(closed.peer, closed.alias)
        found.setdefault((closed.channel_point, closed.peer), (closed.short_channel_id,))
    of_peers = [Named(peer, alias, None, (str(peer),)) for peer, alias in peers.items()]
    return of_peers + [
        Named(
            peer,
            peers[peer],
            point,
            (*filter(None, short_ids), point),
            tuple(further.get(point, ())),
        )
        for (point, peer), short_ids in found.items()
    ]


def matching(name: str, known: Iterable[Named]) -> list[Named]:
    """Return all candidates for ``name``; an alias matches its peer, not its channels."""
    folded, known = _folded(name), list(known)
    exact = [each for each in known if folded in each.ids or folded in each.others]
    if exact:
        return exact
    begun = [each for each in known if _is_prefix(folded, each.ids)]
    peers = [each for each in known if each.channel_point is None and each.alias]
    called = [each for each in peers if folded in _aliases(each)]
    if not called:
        called = [each for each in peers if any(_is_cut(a, folded) for a in _aliases(each))]
    found = [*called, *(each for each in begun if each not in called)]
    return found or [each for each in known if _is_prefix(folded, each.others)]


def _folded(text: str) -> str:
    """Return ``text`` in a normal form: no case, and composed characters."""
    return unicodedata.normalize("NFC", text.casefold())


def _aliases(named: Named) -> Iterator[str]:
    """Yield the alias, and the alias as tables show it."""
    assert named.alias
    yield _folded(named.alias)
    yield _folded(one_width(named.alias))


def _is_prefix(name: str, ids: Iterable[str]) -> bool:
    return len(name) >= _LEAST and any(_is_cut(each, name) for each in ids)


def _is_cut(whole: str, name: str) -> bool:
    """Whether ``name`` is a prefix of ``whole``, or a prefix and a suffix around ``...``."""
    begin, _, end = name.partition(_CUT)
    return whole.startswith(begin) and whole.endswith(end)


def shown(name: str) -> str:
    """Return a requested name, escaped and cut for messages."""
    return printable(name[:QUOTED_CHARACTERS])


def only(name: str, candidates: Iterable[Named]) -> Named:
    """Return the only candidate.

    Raises:
        UnknownNameError: There are no candidates.
        AmbiguousNameError: There are several; the message lists them.
    """
    found = list(candidates)
    if len(found) == 1:
        return found[0]
    asked = shown(name)
    if not found:
        raise UnknownNameError(f"no peer or channel is known as {asked}")
    listed = ", ".join(map(str, found[:_MAXIMUM_SHOWN]))
    more = len(found) - _MAXIMUM_SHOWN
    raise AmbiguousNameError(
        f"{asked} is ambiguous: {listed}" + (f" and {more} more" if more > 0 else "")
    )


def find(name: str, overview: Overview) -> Named:
    """Return the peer or channel of a snapshot with that name; raises as :func:`only`."""
    return only(name, matching(name, named_in(overview)))


def restricted(overview: Overview, named: Named) -> Overview:
    """Return the snapshot restricted to one peer, or to one channel and its peer."""
    kept = [
        number
        for number, info in enumerate(overview.channels)
        if _is_meant(named, str(info.channel_point), info.peer)
    ]
    kept_closed = [
        number for number, channel in enumerate(overview.closed) if _is_closed(named, channel)
    ]
    outages, histories = overview.outages, overview.histories
    return overview._replace(
        channels=tuple(overview.channels[number] for number in kept),
        outages=None if outages is None else tuple(outages[number] for number in kept),
        histories=None if histories is None else tuple(histories[number] for number in kept),
        peers=tuple(info for info in overview.peers if info.peer == named.peer),
        closed=tuple(overview.closed[number] for number in kept_closed),
        closed_histories=tuple(overview.closed_histories[number] for number in kept_closed)
        if overview.closed_histories
        else (),
        peer_outages=tuple(_outages(named, overview.peer_outages)),
    )


def _outages(named: Named, outages: Iterable[PeerOutage]) -> Iterator[PeerOutage]:
    """Yield the outages of the peer, or their parts that concern the channel."""
    for outage in outages:
        if outage.peer == named.peer:
            point = named.channel_point
            concerned = outage if point is None else outage.of(point)
            if concerned is not None:
                yield concerned


def _is_closed(named: Named, channel: ClosedChannel) -> bool:
    return _is_meant(named, channel.channel_point, channel.peer)


def _is_meant(named: Named, point: str, peer: Vertex) -> bool:
    return named.peer == peer and named.channel_point in (None, point)
