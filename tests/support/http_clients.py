"""Clients of an HTTP server, well and badly behaved."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing

from chanfitness.http.server import Server

from .stores import WAIT, Call

LOCAL = ("127.0.0.1", 0)
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def close(server: Server) -> None:
    """Close ``server``; fail if it takes too long."""
    Call(server.close).result()


def ask(
    server: Server,
    path: str = "/metrics",
    *,
    method: str = "GET",
    address: str = "127.0.0.1",
    **headers: str,
) -> tuple[http.client.HTTPResponse, str]:
    """Send a request, and return the response and its body."""
    connection = http.client.HTTPConnection(address, server.port, timeout=WAIT)
    with closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read().decode()


def get(server: Server, path: str = "/metrics", **options: str) -> str:
    """Return the body of a response, which must be a success."""
    response, body = ask(server, path, **options)
    assert response.status == 200
    return body


def connect(server: Server, request: bytes = b"", *, receives: int | None = None) -> socket.socket:
    """Connect a client that has sent ``request``, and whose kernel buffers so many bytes."""
    client = socket.socket()
    client.settimeout(WAIT)
    if receives is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    try:
        client.connect(("127.0.0.1", server.port))
    except OSError:
        client.close()
        raise
    client.sendall(request)
    return client


def rest(client: socket.socket) -> bytes:
    """Return the rest of the response, until the server closes."""
    with client:
        received = bytearray()
        try:
            while data := client.recv(1 << 20):
                received += data
        except ConnectionError:
            pass
        return bytes(received)


def body(client: socket.socket) -> bytes:
    """Return the body of the response, whose status must be a success."""
    head, _, received = rest(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return received


def wait_for_the_loop(server: Server) -> None:
    """Wait until the server has read all earlier requests.

    It answers ``100 Continue`` at once, whatever else it does.
    """
    for _ in range(2):  # a client that is cut off in the first round is gone in the second
        with connect(server, b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n") as client:
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")
