"""A gRPC client over one HTTP/2 connection: one request message a call, any number of answers.

gRPC's own library keeps ten threads, which wake up tens of times a second while nothing
happens. Here one thread waits for the socket: see :meth:`Calls.run`. Messages are bytes.
"""

from __future__ import annotations

import logging
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from ...checks import extra
from .errors import Code, DisconnectedError
from .tls import TlsConnection

with extra("lnd"):
    from h2 import events
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.errors import ErrorCodes
    from h2.exceptions import H2Error
    from h2.settings import SettingCodes
    from hpack import NeverIndexedHeaderTuple

Metadata = tuple[str, str]

_WINDOW = 4 * 2**20  # bytes; HTTP/2's flow-control window
_FRAME_HEADER = 9  # bytes; the first three are the size of the rest of the frame
_FRAME_MAXIMUM = _FRAME_HEADER + 2**14  # bytes; h2 refuses longer ones by their header
_MAXIMUM = 200 * 2**20  # bytes of a message
_PREFIX = struct.Struct(">BI")  # of a message: the compressed flag, and the size

_OF_HTTP = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}
_OF_RESET: dict[int, Code] = {
    ErrorCodes.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCodes.CANCEL: Code.CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCodes.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}


class _Call:
    """A call in progress: its headers, and the data of an incomplete message."""

    def __init__(
        self,
        on_message: Callable[[bytes], object],
        on_end: Callable[[DisconnectedError], object],
    ) -> None:
        self.on_message, self.on_end = on_message, on_end
        self.headers: dict[bytes, bytes] = {}
        self._data = bytearray()

    def take(self, data: bytes) -> None:
        """Pass on complete messages. Raises ``DisconnectedError`` for an invalid one."""
        if self.headers.get(b":status") != b"200":
            return  # a page of a proxy
        self._data += data
        while len(self._data) >= _PREFIX.size:
            is_compressed, size = _PREFIX.unpack_from(self._data)
            if is_compressed:
                raise DisconnectedError(Code.INTERNAL, "it sent a compressed message")
            if size > _MAXIMUM:
                raise DisconnectedError(
                    Code.RESOURCE_EXHAUSTED, f"it sent a message of {size} bytes"
                )
            end = _PREFIX.size + size
            if len(self._data) < end:
                return
            message = bytes(self._data[_PREFIX.size : end])
            del self._data[:end]
            self.on_message(message)

    def status(self) -> DisconnectedError:
        """Return the status with which the call ended."""
        if b"grpc-status" not in self.headers:
            status = self.headers.get(b":status", b"").decode("ascii", "replace")
            number = int(status) if status.isdigit() else 0
            return DisconnectedError(_OF_HTTP.get(number, Code.UNKNOWN), f"HTTP status {status}")
        details = unquote_to_bytes(self.headers.get(b"grpc-message", b"")).decode(
            "utf-8", "replace"
        )
        try:
            code = Code(int(self.headers[b"grpc-status"]))
        except ValueError:
            code = Code.UNKNOWN
        return DisconnectedError(code, details)


class Answer(NamedTuple):
    """The answer of a unary call, and its status."""

    message: bytes
    end: DisconnectedError


class Calls:
    """Calls over one connection. A call that begins before it is established waits for it.

    Callbacks run in :meth:`run`'s thread, or in ``begin()``, and must not block. Safe from
    any thread, except ``run()``, which one thread calls once.
    """

    def __init__(self, target: str, certificate: bytes) -> None:
        logging.getLogger("hpack.hpack").addFilter(_is_not_of_headers)
        self._authority = "localhost" if target.startswith("unix:") else target
        self._tls = TlsConnection(target, certificate)
        self._lock = threading.Lock()  # guards what follows, and _tls but for waiting
        self._http = H2Connection(H2Configuration(header_encoding=None))
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._http.increment_flow_control_window(_WINDOW)
        self._is_open = False
        self._end: DisconnectedError | None = None
        self._calls: dict[int, _Call] = {}
        self._received = bytearray()  # an incomplete frame

    def begin(
        self,
        path: str,
        request: bytes,
        metadata: Iterable[Metadata],
        on_message: Callable[[bytes], object],
        on_end: Callable[[DisconnectedError], object],
    ) -> int:
        """Begin a call with streamed answers. Return its number, for :meth:`cancel`.

        Args:
            path: The service and method.
            request: The request message.
            metadata: Headers, which are kept out of logs and header tables.
            on_message: Called with each answer.
            on_end: Called once, last, with the status.
        """
        with self._lock:
            if self._end is not None:
                on_end(self._end)
                return 0
            number = self._http.get_next_available_stream_id()
            self._calls[number] = _Call(on_message, on_end)
            try:
                self._http.send_headers(number, self._headers(path, metadata))
                message = _PREFIX.pack(False, len(request)) + request
                self._http.send_data(number, message, end_stream=True)
                self._flush()
            except (H2Error, OSError) as error:
                self._break(error)
                self._tls.close()
            return number

    def begin_unary(
        self,
        path: str,
        request: bytes,
        metadata: Iterable[Metadata],
        on_answer: Callable[[Answer], object],
    ) -> int:
        """Begin a call with one answer. Return its number, as :meth:`begin`."""
        messages = [b""]
        return self.begin(
            path,
            request,
            metadata,
            messages.append,
            lambda end: on_answer(Answer(messages[-1], end)),
        )

    def cancel(self, number: int) -> None:
        """Cancel a call; none of its callbacks runs any more."""
        with self._lock:
            if self._calls.pop(number, None) is not None:
                self._reset(number)

    def run(self) -> None:
        """Connect, and run the callbacks until the connection ends."""
        try:
            self._tls.open()
            self._is_open, received = True, b""  # but some may have come behind the handshake
            while True:
                with self._lock:
                    self._take(self._tls.decrypt(received))
                received = self._tls.receive()
        except (H2Error, OSError) as error:
            with self._lock:
                self._break(error)
        finally:
            with self._lock:
                self._break(RuntimeError("a thread of the connection died"))

    def close(self) -> None:
        """End the connection at once, and so :meth:`run`."""
        self._tls.close()

    def discard(self) -> None:
        """Free the sockets. No method may be called any more."""
        self._tls.discard()

    # The lock is held.

    def _headers(self, path: str, metadata: Iterable[Metadata]) -> list[Any]:
        return [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", path),
            (":authority", self._authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *[NeverIndexedHeaderTuple(*each) for each in metadata],
        ]

    def _flush(self) -> None:
        if self._is_open:
            self._tls.send(self._http.data_to_send())

    def _take(self, text: bytes) -> None:
        # Frame by frame: h2 raises at a frame after the last one, and events before it are lost.
        for frame in self._frames(text):
            event: Any
            for event in self._http.receive_data(frame):
                if isinstance(event, events.DataReceived):
                    length = event.flow_controlled_length
                    self._http.acknowledge_received_data(length, event.stream_id)
                elif isinstance(event, events.ConnectionTerminated):
                    raise ConnectionAbortedError("it ended the connection")
                number = getattr(event, "stream_id", None)
                if number in self._calls:
                    self._pass_on(event, number, self._calls[number])
        self._flush()

    def _frames(self, text: bytes) -> Iterator[bytes]:
        """Yield each HTTP/2 frame (RFC 9113, section 4.1) that is complete."""
        self._received += text
        while len(self._received) >= _FRAME_HEADER:
            end = _FRAME_HEADER + int.from_bytes(self._received[:3], "big")
            if len(self._received) < end <= _FRAME_MAXIMUM:
                return
            frame = bytes(self._received[:end])
            del self._received[:end]
            yield frame

    def _pass_on(self, event: Any, number: int, call: _Call) -> None:
        if isinstance(event, (events.ResponseReceived, events.TrailersReceived)):
            call.headers.update(event.headers)
        elif isinstance(event, events.DataReceived):
            try:
                call.take(event.data)
            except DisconnectedError as end:
                self._calls.pop(number).on_end(end)
                self._reset(number)
        elif isinstance(event, events.StreamEnded):
            self._calls.pop(number).on_end(call.status())
        elif isinstance(event, events.StreamReset):
            code = _OF_RESET.get(event.error_code, Code.INTERNAL)
            why = f"it reset the stream, error {event.error_code:d}"
            self._calls.pop(number).on_end(DisconnectedError(code, why))

    def _reset(self, number: int) -> None:
        with suppress(H2Error, OSError):  # it ends by itself, and run() notices
            self._http.reset_stream(number, ErrorCodes.CANCEL)
            self._flush()

    def _break(self, error: Exception) -> None:
        """End all present and future calls; the first error counts."""
        if self._end is None:
            self._end = _end_of(error)
            calls, self._calls = self._calls, {}
            for call in calls.values():
                call.on_end(self._end)


def _end_of(error: Exception) -> DisconnectedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return DisconnectedError(Code.UNAVAILABLE, error.verify_message, error.verify_code)
    if isinstance(error, OSError):
        return DisconnectedError(Code.UNAVAILABLE, error.strerror or str(error))
    if isinstance(error, H2Error):
        return DisconnectedError(Code.UNAVAILABLE, f"HTTP/2: {error}")
    return DisconnectedError(None, str(error))


def _is_not_of_headers(record: logging.LogRecord) -> bool:
    """Filter h2's debug records of headers, since the macaroon is one."""
    return record.levelno > logging.DEBUG
