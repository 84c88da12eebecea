"""Receivers of alerts on loopback: real HTTP and SMTP servers."""

from __future__ import annotations

import queue
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from typing_extensions import Self

from .stores import WAIT


class Request(NamedTuple):
    path: str
    authorization: str | None
    body: bytes


class HttpReceiver:
    """Receives each POST; ``status``: of the response, or None: no response."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        receiver, self._over = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.put(Request(self.path, self.headers["Authorization"], body))
                if receiver.status is None:
                    receiver._over.wait(WAIT)
                self.send_response(receiver.status or 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join(WAIT)
        self._server.server_close()

    def get(self) -> Request:
        return self.requests.get(timeout=WAIT)


class Mail(NamedTuple):
    recipients: list[str]
    text: str


class SmtpReceiver:
    """Receives each mail."""

    def __init__(self) -> None:
        self.mails: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                recipients: list[str] = []
                self.wfile.write(b"220 here\r\n")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        recipients.append(line.decode().partition("<")[2].partition(">")[0])
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        body = b"".join(iter(self.rfile.readline, b".\r\n"))
                        receiver.mails.put(Mail(recipients, body.decode()))
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(WAIT)
        self._server.server_close()

    def get(self) -> Mail:
        return self.mails.get(timeout=WAIT)
