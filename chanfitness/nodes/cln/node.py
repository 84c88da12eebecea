"""Core Lightning as a source: what happens on a node, by its socket, from outside.

::

    with ClnNode() as node, ChannelEventStore(node.config(clock=SteadyClock())) as store:
        ...

It needs no extra. What runs inside lightningd is the plugin, in :mod:`.plugin`.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from typing import Any

from typing_extensions import Self

from ...checks import quoted
from ...clock import Clock, SteadyClock
from ...config import NOT_YET_KNOWN, Config, NotYetKnown, Subscription
from ...errors import NodeError, ShuttingDownError
from ...logs import Log
from .channel_ids import ChannelIds, NoStorage
from .outside_watcher import OutsideWatcher
from .rpc_client import LightningRpc, NoAnswerError, RefusedError, RpcError

logger = Log(__name__)

StrPath = str | os.PathLike[str]

DIRECTORY, NETWORK, SOCKET = "~/.lightning", "bitcoin", "lightning-rpc"
"""Where lightning-cli looks for lightningd."""

_NETWORK_NAME = re.compile(r"[a-z0-9-]+")
_PATIENCE = 3.0  # seconds for an answer, by which a lightningd is known


class ClnNode:
    """One lightningd, and all that a :class:`~chanfitness.Config` needs of it.

    ``rpc_file``: its socket; or ``lightning_dir`` and ``network``, of which the defaults are
    ``~/.lightning`` and ``bitcoin``, as for lightning-cli. Raises ``ValueError`` for values
    that cannot be used.

    lightningd may restart, be frozen or away: monitoring is paused, as of its last sign of
    life, and goes on with a snapshot. Since v25.12 lightningd records who connects: then times
    are exact, and time in which only this process was away is filled in. Before, they are known
    to the nearest 15 seconds.

    One store at a time. All methods are safe from any thread.
    """

    fault: NodeError | None = None
    """Nothing ends a subscription by itself."""

    def __init__(
        self,
        *,
        rpc_file: StrPath | None = None,
        lightning_dir: StrPath | None = None,
        network: str | None = None,
    ) -> None:
        self._path = _socket_path(rpc_file, lightning_dir, network)
        self._probe = LightningRpc(self._path, _PATIENCE)
        self._lock = threading.Lock()  # guards changes of what follows
        self._clock: Clock = SteadyClock()
        self._storage: ChannelIds = NoStorage()
        self._watcher: OutsideWatcher | None = None
        self._closed = False

    def config(self, **options: Any) -> Config:
        """A :class:`~chanfitness.Config` of this node; ``options`` are for its other fields.

        Its clock dates what this node puts from now on.
        """
        config = Config(
            subscribe_channel_events=self.subscribe,
            subscribe_peer_events=self.subscribe,
            get_open_channels=self.get_open_channels,
            **options,
        )
        self._clock = config.clock
        self._storage = NoStorage() if config.storage is None else config.storage
        return config

    def subscribe(self) -> Subscription:
        """Begin to watch, unless that was done; the one subscription, to all events.

        Once it was cancelled there can be another. Raises ``NodeError`` if there is no socket,
        if it may not be opened, or if what listens there is no lightningd, and
        ``ShuttingDownError`` after :meth:`close`. If nobody listens, it is tried again.
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
        """``NOT_YET_KNOWN``: the channels that are open come as an event."""
        return NOT_YET_KNOWN

    def close(self) -> None:
        """End all, in half a second and for good; a second call does nothing."""
        self._probe.abort()
        with self._lock:
            self._closed = True
        if self._watcher is not None:
            self._watcher.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check(self) -> None:
        """Raise ``NodeError`` for what does not pass by itself."""
        path = self._path
        try:
            if not stat.S_ISSOCK(os.stat(path).st_mode):
                raise NodeError(f"{path!a} is no socket: name lightningd's, lightning-rpc")
            self._probe.reach()
        except FileNotFoundError:
            raise NodeError(
                f"there is no socket {path!a}: start lightningd, or name its rpc-file, or its"
                " lightning-dir and network"
            ) from None
        except PermissionError:
            raise NodeError(
                f"may not open the socket {path!a}: be lightningd's user, or of its group, which"
                " rpc-file-mode=0660 lets in"
            ) from None
        except ConnectionAbortedError:
            return  # this node was closed
        except ConnectionRefusedError:
            logger.warning("nobody listens at %a: trying again until lightningd runs", path)
            return
        except OSError as error:
            raise NodeError(f"cannot use the socket {path!a}: {error}") from None
        try:
            self._probe.call("notifications", {"enable": False}, {})
        except (NoAnswerError, RefusedError):
            pass  # it may be starting, or be an old one
        except RpcError as error:
            raise NodeError(f"what listens at {path!a} is no lightningd: {error}") from None


def _socket_path(
    rpc_file: StrPath | None, lightning_dir: StrPath | None, network: str | None
) -> str:
    if rpc_file is not None:
        if lightning_dir is not None or network is not None:
            raise ValueError("an rpc-file goes with no lightning-dir and no network")
        path = os.path.expanduser(os.fspath(rpc_file))
    else:
        if network is not None and not _NETWORK_NAME.fullmatch(network):
            raise ValueError(f"bad network {quoted(network)}: expected a name like regtest")
        directory = os.path.expanduser(os.fspath(lightning_dir or DIRECTORY))
        path = os.path.join(directory, network or NETWORK, SOCKET)
    if not path or "\0" in path:
        raise ValueError(f"bad path {quoted(path)}: expected a socket's")
    return path
