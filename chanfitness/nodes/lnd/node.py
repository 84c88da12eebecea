"""lnd as a source: what happens on a node, by its gRPC, with ``readonly.macaroon``.

::

    with LndNode() as node, ChannelEventStore(node.config(clock=SteadyClock())) as store:
        ...

Needs ``pip install 'chanfitness[lnd]'``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from ...clock import Clock, SteadyClock
from ...config import Config, NotYetKnown, Subscription
from ...errors import NodeError, ShuttingDownError
from ..backoff import Backoff
from ..inbox import Inbox
from .settings import StrPath, resolve
from .watch import Watch


class LndNode:
    """One lnd, and all that a :class:`~chanfitness.Config` needs of it.

    ``rpcserver`` (``host:port``), ``lnddir``, ``tlscertpath``, ``network`` (as
    "mainnet") and ``macaroonpath``: each as given, else of ``LNCLI_RPCSERVER`` and
    so on, else as lnd has it: ``localhost:10009``, ``~/.lnd``, and there
    ``tls.cert`` and the ``readonly.macaroon`` of mainnet. Both files are read anew
    for each connection. Raises ``ValueError`` for a network or an address that
    there cannot be.

    TLS is always verified. Of lnd's RPC it calls ``SubscribeChannelEvents``,
    ``SubscribePeerEvents``, ``ListChannels``, ``ListPeers``, and ``State.GetState``, which
    needs no macaroon, nothing else. The lists also describe peers (alias, transport) and
    channels (short channel id, capacity, whether it is private): that needs no further right.

    lnd may restart, be locked, be frozen or away: monitoring is paused, as of its last
    sign of life if it fell silent, and goes on with a snapshot. Only if lnd refuses us
    (its certificate is not ours, it does not take the macaroon) does that end, and
    ``fault`` says why.

    One store at a time. All methods are safe from any thread. ``backoff`` says
    when it tries again, ``patience`` for how many seconds ``get_open_channels``
    waits at most; change them before the first subscription.
    """

    def __init__(
        self,
        *,
        rpcserver: str | None = None,
        lnddir: StrPath | None = None,
        tlscertpath: StrPath | None = None,
        network: str | None = None,
        macaroonpath: StrPath | None = None,
    ) -> None:
        self._settings = resolve(
            rpcserver=rpcserver,
            lnddir=lnddir,
            tlscertpath=tlscertpath,
            network=network,
            macaroonpath=macaroonpath,
        )
        self.backoff = Backoff()
        self.patience = 10.0
        self.make_inbox: Callable[[], Inbox] = queue.SimpleQueue  # for tests to replace
        self._lock = threading.Lock()  # guards changes of what follows
        self._clock: Clock = SteadyClock()
        self._watch: Watch | None = None
        self._closed = False

    def config(self, **options: Any) -> Config:
        """A :class:`~chanfitness.Config` of this node; ``options`` are for its other fields.

        Its clock dates what this node puts from now on.
        """
        config = Config(
            subscribe_channel_events=self.subscribe_channel_events,
            subscribe_peer_events=self.subscribe_peer_events,
            get_open_channels=self.get_open_channels,
            **options,
        )
        self._clock = config.clock
        return config

    def subscribe_channel_events(self) -> Subscription:
        """Connect, unless that was done; the one subscription, to both kinds of events.

        Once it was cancelled there can be another. Raises ``NodeError`` if the
        certificate or the macaroon cannot be read, ``ShuttingDownError`` after
        :meth:`close`.
        """
        return self._subscribed()

    def subscribe_peer_events(self) -> Subscription:
        """The same as :meth:`subscribe_channel_events`, and the same object."""
        return self._subscribed()

    def get_open_channels(self) -> NotYetKnown:
        """``NOT_YET_KNOWN``: the channels that are open come as an event.

        Waits until it is put, or the first try to connect has failed. Raises ``NodeError``
        if lnd refuses us, ``ShuttingDownError`` after :meth:`close`; else as
        :meth:`subscribe_channel_events`.
        """
        return self._subscribed().wait_for_snapshot(self.patience)

    @property
    def fault(self) -> NodeError | None:
        """Why the subscription ended by itself; None if it did not."""
        watch = self._watch
        return None if watch is None else watch.fault

    def close(self) -> None:
        """End all, at once and for good; a second call does nothing."""
        with self._lock:
            self._closed = True
        if self._watch is not None:
            self._watch.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _subscribed(self) -> Watch:
        with self._lock:
            if self._closed:
                raise ShuttingDownError("this node was closed")
            if self._watch is None or self._watch.is_cancelled:
                self._settings.read()  # so that the caller hears what is missing
                watch = Watch(self._settings, self.backoff, self._clock, self.make_inbox)
                watch.start()
                self._watch = watch
            return self._watch
