"""Usable time of a recorded lnd, against its own answers and against sums over its messages."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from chanfitness.core.overview import Overview
from chanfitness.nodes.lnd.messages import MESSAGES
from chanfitness.recording.format import parse_time
from chanfitness.recording.replay import replay

from ..support.paths import DATA

RECORDING = DATA / "lnd-simnet-activity.jsonl"
LINES = [json.loads(line) for line in RECORDING.read_text().splitlines()]
ANSWERS = [
    json.loads(line)
    for line in (DATA / "lnd-simnet-activity.answers.jsonl").read_text().splitlines()
]
RAW = [
    json.loads(line) for line in (DATA / "lnd-simnet-restarts.raw.jsonl").read_text().splitlines()
]
ZERO, CLOSE_ENOUGH = timedelta(0), timedelta(seconds=0.05)


def seen_times() -> list[tuple[datetime, datetime]]:
    """Return the spans in which lnd was seen."""
    starts = [each["at"] for each in LINES if each["event"] == "monitoring_started"]
    stops = [each["at"] for each in LINES if each["event"] == "monitoring_stopped"]
    return [
        (parse_time(start), parse_time(stop)) for start, stop in zip(starts, stops, strict=True)
    ]


SEEN = seen_times()
ASKED = [
    answer
    for answer in ANSWERS
    if any(start <= parse_time(answer["answered_at"]) <= stop for start, stop in SEEN)
]


def replayed(at: datetime) -> Overview:
    with RECORDING.open("rb") as lines:
        return replay(lines, RECORDING.name, at)


@pytest.mark.parametrize("answer", ASKED, ids=lambda answer: answer["answered_at"])
def test_channels_are_active_as_in_lnd(answer: dict[str, Any]) -> None:
    overview = replayed(parse_time(answer["answered_at"]))
    active = {str(info.channel_point): info.active for info in overview.channels}
    said = dict.fromkeys(answer["active"], True) | dict.fromkeys(answer["inactive"], False)
    assert {point: active.get(point) for point in said} == said
    assert {active[point] for point in active.keys() - said.keys()} <= {False}  # it closes


class Sums:
    """Usable time of each channel, by lnd's messages."""

    def __init__(self) -> None:
        self.usable: dict[str, timedelta] = defaultdict(timedelta)
        self._peers: dict[str, str] = {}
        self._active: set[str] = set()
        self._online: set[str] = set()
        self._now = SEEN[0][0]

    def go_on(self, at: datetime) -> None:
        """Advance to `at` without a change."""
        for start, stop in SEEN:
            seen = max(min(at, stop) - max(self._now, start), ZERO)
            for point in self._active:
                if self._peers[point] in self._online:
                    self.usable[point] += seen
        self._now = at

    def take(self, line: dict[str, Any]) -> None:
        """Apply a message of a stream, or the answer to a list request."""
        what, raw = line.get("stream") or line["rpc"], base64.b64decode(line.get("raw", ""))
        if "end" not in line:
            getattr(self, f"_{what}")(raw)

    def _ListPeers(self, raw: bytes) -> None:  # noqa: N802
        peers = MESSAGES["ListPeersResponse"].FromString(raw).peers
        self._online = {peer.pub_key.decode() for peer in peers}

    def _ListChannels(self, raw: bytes) -> None:  # noqa: N802
        channels = MESSAGES["ListChannelsResponse"].FromString(raw).channels
        for each in channels:
            self._peers[each.channel_point.decode()] = each.remote_pubkey.decode()
        self._active = {each.channel_point.decode() for each in channels if each.active}

    def _SubscribePeerEvents(self, raw: bytes) -> None:  # noqa: N802
        event = MESSAGES["PeerEvent"].FromString(raw)
        (self._online.discard if event.type else self._online.add)(event.pub_key.decode())

    def _SubscribeChannelEvents(self, raw: bytes) -> None:  # noqa: N802
        update = MESSAGES["ChannelEventUpdate"].FromString(raw)
        if update.HasField("open_channel"):
            point = update.open_channel.channel_point.decode()
            self._peers[point] = update.open_channel.remote_pubkey.decode()
            self._active.add(point)
        elif update.HasField("closed_channel"):
            self._active.discard(update.closed_channel.channel_point.decode())
        elif update.HasField("active_channel"):
            self._active.add(_point(update.active_channel))
        elif update.HasField("inactive_channel"):
            self._active.discard(_point(update.inactive_channel))


def _point(message: Any) -> str:
    txid = message.funding_txid_bytes[::-1].hex() or message.funding_txid_str.decode()
    return f"{txid}:{message.output_index}"


def test_usable_time_is_the_sum_over_lnds_messages() -> None:
    sums, compared = Sums(), 0
    raw = list(RAW)
    for answer in ASKED:
        moment = parse_time(answer["answered_at"])
        while raw and parse_time(raw[0]["at"]) <= moment:
            line = raw.pop(0)
            sums.go_on(parse_time(line["at"]))
            sums.take(line)
        sums.go_on(moment)
        for info in replayed(moment).channels:
            assert abs(info.usable - sums.usable[str(info.channel_point)]) < CLOSE_ENOUGH
            compared += 1
    assert compared > 50
