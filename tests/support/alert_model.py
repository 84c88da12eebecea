"""A model of the rules of alerts that counts seconds.

A history is a list of seconds. In each, the node is seen or not (and then for which cause),
each peer is online or not, and some transports are lost. The model keeps nothing from one
second to the next: it counts all earlier seconds again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chanfitness.alerts.snapshot import Snapshot, TransportOutage
from chanfitness.core.channel import ChannelInfo
from chanfitness.core.peerlog import PeerInfo

from .values import SECOND, START, outpoint, vertex

AFTER = 7  # seconds
BLIND_AFTER = 300
TRANSPORTS = ("tor", "clearnet")


class Second(NamedTuple):
    """The state in one second. ``sight``: "seen", "blind" or "own outage"."""

    sight: str
    online: tuple[bool, ...]  # by peer; peer n has the transport n modulo their number
    lost: frozenset[str]

    def is_lost(self, peer: int) -> bool:
        return TRANSPORTS[peer % len(TRANSPORTS)] in self.lost

    def counts(self, peer: int) -> bool:
        """Return whether the second counts for the peer's channel."""
        return self.sight == "seen" and not self.is_lost(peer)


def any_history(rng: random.Random, length: int, peers: int) -> list[Second]:
    """Draw a history with occasional changes; all peers are online in its first second."""
    online, sight, lost = [True] * peers, "seen", frozenset[str]()
    seconds = [Second(sight, tuple(online), lost)]
    while len(seconds) < length:
        kind = rng.random()
        if kind < 0.6:
            peer = rng.randrange(peers)
            if sight == "seen" and TRANSPORTS[peer % len(TRANSPORTS)] not in lost:
                online[peer] = not online[peer]
        elif kind < 0.75:
            sight = rng.choice(["seen", "seen", "blind", "own outage"])
        else:
            lost = frozenset(rng.sample(TRANSPORTS, rng.choice([0, 0, 1])))
        stay = 400 if sight == "blind" and rng.random() < 0.5 else rng.choice([1, 2, 5, 9])
        seconds += [Second(sight, tuple(online), lost)] * stay
    return seconds[:length]


def snapshot_of(seconds: Sequence[Second], now: int) -> Snapshot:
    """Return the snapshot at the start of this second: its state, and the sums of earlier ones."""
    present, before = seconds[now], seconds[:now]
    infos, channels = [], []
    for peer, is_online in enumerate(present.online):
        counted = [each for each in before if each.counts(peer)]
        up = sum(each.online[peer] for each in counted)
        channels.append(
            ChannelInfo(outpoint(peer), vertex(peer), len(counted) * SECOND, up * SECOND)
        )
        infos.append(
            PeerInfo(
                vertex(peer),
                is_online,
                START,
                0,
                None,
                (outpoint(peer),),
                transport=TRANSPORTS[peer % len(TRANSPORTS)],
            )
        )
    return Snapshot(
        START + now * SECOND,
        present.sight == "seen",
        sum(each.sight != "seen" for each in before) * SECOND,
        START,
        tuple(infos),
        tuple(channels),
        START if present.sight == "own outage" else None,
        tuple(TransportOutage(each, START, 3) for each in sorted(present.lost)),
    )


def offline_for(seconds: Sequence[Second], now: int, peer: int) -> int:
    """Return the counted seconds of the peer's present outage."""
    count = 0
    for each in reversed(seconds[:now]):
        if each.online[peer] and each.sight == "seen":
            break
        count += each.counts(peer) and not each.online[peer]
    return count


def is_down(seconds: Sequence[Second], now: int, peer: int) -> bool:
    """Return whether the outage is long enough, or has been since the peer was last seen online."""
    for second in range(now, -1, -1):
        each = seconds[second]
        if each.sight != "seen":
            continue
        if each.online[peer]:
            return False
        if not each.is_lost(peer) and offline_for(seconds, second, peer) >= AFTER:
            return True
    return False


def is_blind(seconds: Sequence[Second], now: int) -> bool:
    """Return whether the node was unseen for long enough, since it was last seen."""
    count = worst = 0
    for each in seconds[: now + 1]:
        if each.sight == "seen":
            count = worst = 0
        elif each.sight == "own outage":
            count = 0
        else:
            worst = max(worst, count)
            count += 1
    return worst >= BLIND_AFTER


def lasting(seconds: Sequence[Second], now: int) -> dict[str, int]:
    """Return the kinds and subjects of the alerts whose conditions hold in this second."""
    found = {f"peer_down {peer}": peer for peer in range(len(seconds[0].online))}
    there = {key: 1 for key, peer in found.items() if is_down(seconds, now, peer)}
    if is_blind(seconds, now):
        there["blind"] = 1
    since = now
    while since and seconds[since].sight != "seen":
        since -= 1
    for each in seconds[since : now + 1]:
        if each.sight == "own outage":
            there["own_outage"] = 1
        for transport in each.lost:
            there[f"transport_outage {transport}"] = 1
    if seconds[now].sight == "seen":
        there.pop("own_outage", None)
        for transport in TRANSPORTS:
            if transport not in seconds[now].lost:
                there.pop(f"transport_outage {transport}", None)
    return there


def told(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Return the messages between two such sets, in no order."""
    ends = {"peer_down": "peer_back"}
    messages = [key for key in now if key not in before]
    for key in before:
        if key not in now:
            kind, _, of = key.partition(" ")
            messages.append(f"{ends.get(kind, kind + '_end')} {of}".rstrip())
    return sorted(messages)
