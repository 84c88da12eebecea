"""The command ``watch`` on a fake node, whose events the tests write to a pipe.

``--rpcserver`` names the pipe. Each line of it is a line of a recording, whose time is ignored,
or one of ::

    away            as the first line: the node cannot be seen yet
    log TEXT        logs TEXT
    refuse TEXT     refuses the connection, for this reason

``TEXT`` is a JSON string.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
from types import ModuleType
from typing import IO, Any

from chanfitness import NOT_YET_KNOWN, Config, MonitoringResumedEvent, NodeError
from chanfitness.commands.main import main
from chanfitness.recording.format import parse_line


class PipeNode:
    """A node whose events come from a pipe."""

    fault: NodeError | None = None

    def __init__(self, *, rpcserver: str, **options: object) -> None:
        if rpcserver == "nowhere":
            raise ValueError(f"bad address {rpcserver!r}")
        self._path = rpcserver
        self._pipe: IO[bytes]
        self.updates: queue.Queue[Any] = queue.Queue()

    def config(self, **options: Any) -> Config:
        return Config(
            subscribe_channel_events=lambda: self,
            subscribe_peer_events=lambda: self,
            get_open_channels=self._get_open_channels,
            is_peer_online=lambda peer: peer in self._online,
            **options,
        )

    def close(self) -> None:
        pass

    def cancel(self) -> None:
        pass

    def _get_open_channels(self) -> Any:
        self._pipe = open(self._path, "rb")  # noqa: SIM115
        first = self._pipe.readline()
        reader = threading.Thread(target=self._read_on, daemon=True)
        if first == b"away\n":
            reader.start()
            return NOT_YET_KNOWN
        snapshot = parse_line(first)[1]
        assert isinstance(snapshot, MonitoringResumedEvent)
        self.updates.put(snapshot)
        self._online = set(snapshot.online_peers)
        reader.start()
        return snapshot.open_channels

    def _read_on(self) -> None:
        for line in self._pipe:
            what, _, text = line.decode().partition(" ")
            if what == "log":
                logging.getLogger("node").warning("%s", json.loads(text))
            elif what == "refuse":
                self.fault = NodeError(json.loads(text))
                logging.getLogger("node").critical("%s", self.fault)
            else:
                self.updates.put(parse_line(line)[1])


if __name__ == "__main__":
    module = ModuleType("chanfitness.nodes.lnd")
    module.LndNode = PipeNode  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    sys.exit(main())
