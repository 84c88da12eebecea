"""lnd as a source of events, over gRPC, with ``readonly.macaroon``.

::

    with LndNode() as node, ChannelEventStore(node.config(clock=SteadyClock())) as store:
        ...

Needs ``pip install 'chanfitness[lnd]'``.
"""

from __future__ import annotations

import queue
from collections.abc import Callable

from ...config import NotYetKnown, Subscription
from ...errors import NodeError, ShuttingDownError
from ..backoff import Backoff
from ..inbox import Inbox
from ..source import Source
from .settings import StrPath, resolve
from .watch import Watch


class LndNode(Source):
    """One lnd as the source of a store's events.

    TLS is always verified. The node calls only ``SubscribeChannelEvents``,
    ``SubscribePeerEvents``, ``ListChannels``, ``ListPeers``, and ``State.GetState``, which
    needs no macaroon. The lists also describe peers (alias, transport) and channels (short
    channel id, capacity, whether private), with no further permission.

    While lnd restarts, is locked, is frozen or is away, monitoring is paused, as of its last
    sign of life if it fell silent; a snapshot resumes it. Only a refusal by lnd, of another
    certificate or of the macaroon, ends the subscription; then ``fault`` says why.

    Serves one store at a time. All methods are safe from any thread. ``backoff`` sets the
    delays between connections, ``patience`` the seconds that ``get_open_channels`` waits at
    most; change them before the first subscription.

    An argument that is not given is taken from the environment, as ``LNCLI_RPCSERVER``, or
    has lnd's default. Certificate and macaroon are read for each connection.

    Args:
        rpcserver: lnd's address, ``host:port``; default: ``localhost:10009``.
        lnddir: lnd's directory; default: ``~/.lnd``.
        tlscertpath: lnd's certificate; default: ``tls.cert`` in ``lnddir``.
        network: lnd's network; default: ``mainnet``.
        macaroonpath: The macaroon; default: the network's ``readonly.macaroon`` in
            ``lnddir``.

    Raises:
        ValueError: The network or the address is not a valid one.
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
        super().__init__()
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
        self._watch: Watch | None = None

    def subscribe(self) -> Subscription:
        """Connect, unless connected, and return the one subscription, to both kinds of events.

        A cancelled subscription is replaced by a new one.

        Raises:
            NodeError: The certificate or the macaroon cannot be read.
            ShuttingDownError: The node was closed.
        """
        return self._subscribed()

    def subscribe_channel_events(self) -> Subscription:
        """Return the same object as :meth:`subscribe`."""
        return self.subscribe()

    def subscribe_peer_events(self) -> Subscription:
        """Return the same object as :meth:`subscribe`."""
        return self.subscribe()

    def get_open_channels(self) -> NotYetKnown:
        """Return ``NOT_YET_KNOWN``: the open channels come as an event.

        Wait until that event is put, the first attempt to connect has failed, or
        ``patience`` is over.

        Raises:
            NodeError: lnd refuses, or the certificate or the macaroon cannot be read.
            ShuttingDownError: The node was closed.
        """
        return self._subscribed().wait_for_snapshot(self.patience)

    @property
    def fault(self) -> NodeError | None:
        """Why the subscription ended by itself; None if it did not."""
        watch = self._watch
        return None if watch is None else watch.fault

    def close(self) -> None:
        """Stop watching at once and for good. A second call does nothing."""
        with self._lock:
            self._closed = True
        if self._watch is not None:
            self._watch.cancel()

    def _subscribed(self) -> Watch:
        with self._lock:
            if self._closed:
                raise ShuttingDownError("this node was closed")
            if self._watch is None or self._watch.is_cancelled:
                self._settings.read()  # raises in the caller if a file is missing
                watch = Watch(self._settings, self.backoff, self._clock, self.make_inbox)
                watch.start()
                self._watch = watch
            return self._watch
