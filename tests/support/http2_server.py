"""An HTTP/2 server over TLS whose answers a test decides."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded
from h2.exceptions import H2Error
from h2.settings import SettingCodes
from typing_extensions import Self

from .fake_lnd import certificate

Answer = Callable[[H2Connection, int], bytes | None]
"""Answers the request with this number. Bytes that it returns are sent after the answer."""


class Http2Server:
    """Serves one connection. ``raw``: sent instead of HTTP/2, if given."""

    def __init__(
        self,
        answer: Answer,
        *,
        path: Path | None = None,
        raw: bytes | None = None,
        streams: int = 100,
    ) -> None:
        self._answer, self._raw, self._streams = answer, raw, streams
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.target = f"unix:{path}"
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(["h2"])
        certificate("localhost", "127.0.0.1").configure_cert(self._context)
        self._thread = threading.Thread(target=self._serve, name="http2", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError, H2Error):  # the client has gone, or we said goodbye
            taken, _ = self._listener.accept()
            with self._context.wrap_socket(taken, server_side=True) as client:
                if self._raw is None:
                    self._talk(client)
                else:
                    client.sendall(self._raw)
                    client.unwrap()

    def _talk(self, client: ssl.SSLSocket) -> None:
        http = H2Connection(H2Configuration(client_side=False))
        http.initiate_connection()
        http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._streams})
        client.sendall(http.data_to_send())
        while received := client.recv(2**16):
            more = b""
            for event in http.receive_data(received):
                if isinstance(event, StreamEnded):
                    more += self._answer(http, event.stream_id) or b""
            client.sendall(http.data_to_send() + more)
