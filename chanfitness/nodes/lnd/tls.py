"""A TLS connection that any thread can close at any moment, even while it connects.

The caller guards it with a lock, except for the methods that block
(:meth:`~TlsConnection.open` and :meth:`~TlsConnection.receive`) and
:meth:`~TlsConnection.close`.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

_CONNECT_SECONDS = 20
_CHUNK = 2**16  # bytes

_Addresses = list[tuple[socket.AddressFamily, Any]]


class TlsConnection:
    """A connection that trusts one certificate.

    Args:
        target: ``host:port`` or ``unix:path``.
        certificate: The trusted certificate (PEM).
    """

    def __init__(self, target: str, certificate: bytes) -> None:
        self._is_of_unix = target.startswith("unix:")
        self._path = target.removeprefix("unix:")
        host, _, self._port = target.rpartition(":")
        self._host = "localhost" if self._is_of_unix else host.strip("[]")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=certificate.decode("ascii"))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be a CA
        context.set_alpn_protocols(["h2"])
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=self._host.partition("%")[0]
        )
        self._socket = socket.socket()
        self._closing, self._closed = socket.socketpair()  # readable after close()
        self._resolved: queue.SimpleQueue[_Addresses | OSError] = queue.SimpleQueue()

    def open(self) -> None:
        """Connect and shake hands. Raises ``OSError``, of which ``ssl.SSLError`` is a kind."""
        error: OSError = ConnectionAbortedError("closed")
        for family, address in self._addresses():
            self._socket.close()
            self._socket = socket.socket(family)
            try:
                self._connect(address)
            except OSError as problem:
                error = problem
            else:
                self._shake_hands()
                return
        raise error

    def receive(self) -> bytes:
        """Wait for encrypted bytes, and return them. Raises ``OSError`` at the end."""
        received = self._socket.recv(_CHUNK)
        if not received:
            raise ConnectionResetError("Socket closed")
        return received

    def decrypt(self, received: bytes) -> bytes:
        """Decrypt received bytes."""
        self._incoming.write(received)
        text = b""
        with suppress(ssl.SSLWantReadError):
            while chunk := self._tls.read(_CHUNK):
                text += chunk
        return text

    def send(self, text: bytes) -> None:
        """Encrypt and send ``text``, and any pending TLS message."""
        if text:
            self._tls.write(text)
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())

    def close(self) -> None:
        """Make current and future waits raise ``OSError``. Safe from any thread."""
        with suppress(OSError):
            self._closed.send(b"\0")
        self._resolved.put([])
        with suppress(OSError):  # it is not connected
            self._socket.shutdown(socket.SHUT_RDWR)

    def discard(self) -> None:
        """Free the sockets. No other method may be called any more."""
        for each in (self._socket, self._closing, self._closed):
            each.close()

    def _addresses(self) -> _Addresses:
        if self._is_of_unix:
            return [(socket.AF_UNIX, self._path)]
        # A look-up cannot be cancelled, so a thread does it that may be left behind.
        threading.Thread(target=self._look_up, name="chanfitness-resolver", daemon=True).start()
        found = self._resolved.get()
        if isinstance(found, OSError):
            raise found
        return found

    def _look_up(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self._resolved.put(error)
        else:
            self._resolved.put([(family, address) for family, _, _, _, address in found])

    def _connect(self, address: Any) -> None:
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            self._socket.connect(address)
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        poll.register(self._closing, select.POLLIN)
        ready = dict(poll.poll(_CONNECT_SECONDS * 1000))
        if self._closing.fileno() in ready:
            raise ConnectionAbortedError("closed")
        if not ready:
            raise TimeoutError("it takes no connection")
        problem = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
        self._socket.setblocking(True)

    def _shake_hands(self) -> None:
        is_done = False
        while not is_done:
            try:
                self._tls.do_handshake()
                is_done = True
            except ssl.SSLWantReadError:
                self.send(b"")
                self._incoming.write(self.receive())
            finally:
                self.send(b"")  # an alert too, if it failed
