"""Core Lightning as a source of events, over its RPC socket, from outside.

::

    with ClnNode() as node, ChannelEventStore(node.config(clock=SteadyClock())) as store:
        ...

It needs no extra. The plugin, which lightningd runs, is in :mod:`.plugin`.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from ...checks import quoted
from ...config import NOT_YET_KNOWN, Config, NotYetKnown, Subscription
from ...errors import NodeError, ShuttingDownError
from ...logs import Log
from ..source import Source
from .channel_ids import ChannelIds, NoStorage
from .outside_watcher import OutsideWatcher
from .rpc_client import LightningRpc, NoAnswerError, RefusedError, RpcError

logger = Log(__name__)

StrPath = str | os.PathLike[str]

DIRECTORY, NETWORK, SOCKET = "~/.lightning", "bitcoin", "lightning-rpc"
"""lightning-cli's defaults."""

_NETWORK_NAME = re.compile(r"[a-z0-9-]+")
_PATIENCE = 3.0  # seconds to wait for an answer that tells a lightningd from another server


class ClnNode(Source):
    """One lightningd as the source of a store's events.

    While lightningd restarts, is frozen or is away, monitoring is paused as of its last sign
    of life; a snapshot resumes it. lightningd v25.12 and later records connects and
    disconnects: then times are exact, and time in which only this process was away is filled
    in. With an older one, times are known to the nearest 15 seconds.

    Serves one store at a time. All methods are safe from any thread.

    Args:
        rpc_file: lightningd's socket, instead of the other two.
        lightning_dir: lightningd's directory; default: ``~/.lightning``, as for lightning-cli.
        network: Its network; default: ``bitcoin``.

    Raises:
        ValueError: A value cannot be used, or ``rpc_file`` comes with another.
    """

    fault: NodeError | None = None
    """Always None, since the subscription does not end by itself."""

    def __init__(
        self,
        *,
        rpc_file: StrPath | None = None,
        lightning_dir: StrPath | None = None,
        network: str | None = None,
    ) -> None:
        super().__init__()
        self._path = _socket_path(rpc_file, lightning_dir, network)
        self._probe = LightningRpc(self._path, _PATIENCE)
        self._storage: ChannelIds = NoStorage()
        self._watcher: OutsideWatcher | None = None

    def config(self, **options: Any) -> Config:
        config = super().config(**options)
        self._storage = NoStorage() if config.storage is None else config.storage
        return config

    def subscribe(self) -> Subscription:
        """Start watching, unless started, and return the one subscription, to all events.

        A cancelled subscription is replaced by a new one. If no server listens at the socket,
        it is tried again until one does.

        Raises:
            NodeError: The socket is missing or may not be opened, or its server is not
                lightningd.
            ShuttingDownError: The node was closed.
        """
        watcher = self._watcher
        if watcher is None or watcher.subscription.quit.is_set():
            self._check()
        with self._lock:
            if self._closed:
                raise ShuttingDownError("this node was closed")
            if self._watcher is not None and self._watcher.subscription.quit.is_set():
                self._watcher.stop()
                self._watcher = None
            if self._watcher is None:
                self._watcher = OutsideWatcher(self._path, self._storage, clock=self._clock)
                self._watcher.start()
            return self._watcher.subscription

    def get_open_channels(self) -> NotYetKnown:
        """Return ``NOT_YET_KNOWN``: the open channels come as an event."""
        return NOT_YET_KNOWN

    def close(self) -> None:
        """Stop watching for good, within half a second. A second call does nothing."""
        self._probe.abort()
        with self._lock:
            self._closed = True
        if self._watcher is not None:
            self._watcher.stop()

    def _check(self) -> None:
        """Raise ``NodeError`` for a fault that does not pass by itself."""
        path = self._path
        try:
            if not stat.S_ISSOCK(os.stat(path).st_mode):
                raise NodeError(f"{path!a} is not a socket: give lightningd's, lightning-rpc")
            self._probe.reach()
        except FileNotFoundError:
            raise NodeError(
                f"there is no socket {path!a}: start lightningd, or give its rpc-file, or its"
                " lightning-dir and network"
            ) from None
        except PermissionError:
            raise NodeError(
                f"may not open the socket {path!a}: run as lightningd's user, or join its group and"
                " set rpc-file-mode=0660"
            ) from None
        except ConnectionAbortedError:
            return  # this node was closed
        except ConnectionRefusedError:
            logger.warning("no server listens at %a: trying again until lightningd runs", path)
            return
        except OSError as error:
            raise NodeError(f"cannot use the socket {path!a}: {error}") from None
        try:
            self._probe.probe()
        except (NoAnswerError, RefusedError):
            pass  # lightningd may be starting, or be an old version
        except RpcError as error:
            raise NodeError(f"the server at {path!a} is not lightningd: {error}") from None


def _socket_path(
    rpc_file: StrPath | None, lightning_dir: StrPath | None, network: str | None
) -> str:
    if rpc_file is not None:
        if lightning_dir is not None or network is not None:
            raise ValueError("give either an rpc-file, or a lightning-dir and a network")
        path = os.path.expanduser(os.fspath(rpc_file))
    else:
        if network is not None and not _NETWORK_NAME.fullmatch(network):
            raise ValueError(f"bad network {quoted(network)}: expected a name like regtest")
        directory = os.path.expanduser(os.fspath(lightning_dir or DIRECTORY))
        path = os.path.join(directory, network or NETWORK, SOCKET)
    if not path or "\0" in path:
        raise ValueError(f"bad path {quoted(path)}: expected the path of a socket")
    return path
