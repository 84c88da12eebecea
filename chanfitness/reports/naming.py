"""Lookup of peers and channels by name: alias, short channel id, key, channel point.

An *id* is unique: a public key, a channel point, a short channel id (also one that the
channel had before), or another that its node calls it. An *alias* is any text that a peer
chose, so an id goes before it, and it may mean several peers. The beginning of a name will
do if it is the beginning of no other, four characters of an id at least; so will a name as
tables show it, with ``...`` for what is cut.
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

_LEAST = 4  # so many characters of an id do
_MAXIMUM_SHOWN = 10
_CUT = "..."


class Named(NamedTuple):
    """A peer, or one channel of it, with all its names.

    ``channel_point``: the text of the channel's; None: the peer itself is meant. ``ids``:
    in lower case, a channel's present short channel id first, if it has one. ``others``:
    more ids, of which a beginning will do if it is that of nothing else.
    """

    peer: Vertex
    alias: str | None
    channel_point: str | None
    ids: tuple[str, ...]
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a candidate: the alias, the short channel id, the key or channel point, cut."""
        alias = short_alias(self.alias or "")
        if self.channel_point is None:
            return f"{alias} {short_key(str(self.peer))}"
        short_id = self.ids[0] if "x" in self.ids[0] else "-"
        return f"{alias} {short_id} {one_width(short_point(self.channel_point))}"


class UnknownNameError(ChanFitnessError):
    """Nothing has that name."""


class AmbiguousNameError(ValueError):
    """Several peers or channels have that name, or one that begins so."""


def named_in(overview: Overview, others: Mapping[str, OutPoint] | None = None) -> list[Named]:
    """All peers and channels of a snapshot.

    ``others``: other names of channels, in lower case, and the channel that each leads to.
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
    """All that ``name`` may mean; an alias means its peer."""
    folded, known = _folded(name), list(known)
    exact = [each for each in known if folded in each.ids or folded in each.others]
    if exact:
        return exact
    begun = [each for each in known if _is_begun(each.ids, folded)]
    peers = [each for each in known if each.channel_point is None and each.alias]
    called = [each for each in peers if folded in _aliases(each)]
    if not called:
        called = [each for each in peers if any(_is_cut(a, folded) for a in _aliases(each))]
    found = [*called, *(each for each in begun if each not in called)]
    return found or [each for each in known if _is_begun(each.others, folded)]


def _folded(text: str) -> str:
    """``text`` with what a person does not tell apart made the same."""
    return unicodedata.normalize("NFC", text.casefold())


def _aliases(named: Named) -> Iterator[str]:
    """What the alias is, and how it is shown."""
    assert named.alias
    yield _folded(named.alias)
    yield _folded(one_width(named.alias))


def _is_begun(ids: Iterable[str], name: str) -> bool:
    return len(name) >= _LEAST and any(_is_cut(each, name) for each in ids)


def _is_cut(whole: str, name: str) -> bool:
    """Whether ``name`` is the beginning, or the beginning and the end."""
    begin, _, end = name.partition(_CUT)
    return whole.startswith(begin) and whole.endswith(end)


def shown(name: str) -> str:
    """A name that was asked for as messages show it."""
    return printable(name[:QUOTED_CHARACTERS])


def only(name: str, candidates: Iterable[Named]) -> Named:
    """The one candidate.

    Raises:
        UnknownNameError: There is none.
        AmbiguousNameError: There are more, which it lists.
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
    """The one peer or channel of a snapshot that ``name`` means; raises as :func:`only`."""
    return only(name, matching(name, named_in(overview)))


def restricted(overview: Overview, named: Named) -> Overview:
    """The snapshot of one peer, or of one channel and its peer, alone."""
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
    """Those of the peer, or what of them concerned the channel."""
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
