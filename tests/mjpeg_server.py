"""A camera for tests: pictures as MJPEG over HTTP on loopback, well or badly behaved."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BOUNDARY = "frame"
RATE = 25
BEFORE_SILENCE = 5


class MjpegServer(ThreadingHTTPServer):
    """`behave` says what a connection gets: pictures, silence (`stall`: after some), garbage, an end
    at once (`close`), or so many pictures.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.behave = "pictures"
        self.size = (64, 48)
        self.connections = 0
        self.sent = 0
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.server_address[1]}/stream?token=hush"

    def opened(self, connection: socket.socket) -> None:
        self.connections += 1
        self._open.append(connection)

    def drop_all(self) -> None:
        """Cut all connections, as a server that is killed does."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        server = self.server
        server.opened(self.connection)
        behave = server.behave
        if behave == "close":
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        if behave == "garbage":
            self.wfile.write(np.random.default_rng(0).bytes(200_000))
            return
        count = int(behave) if behave.isdigit() else BEFORE_SILENCE if behave == "stall" else 0
        number = 0
        while behave != "silence" and (not count or number < count):
            self._picture(number)
            number += 1
            time.sleep(1 / RATE)
        if behave in ("silence", "stall"):
            threading.Event().wait(30)

    def _picture(self, number: int) -> None:
        width, height = self.server.size
        pixels = np.full((height, width, 3), number % 256, np.uint8)
        jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self.wfile.write(head.encode() + jpeg + b"\r\n")
        self.wfile.flush()
        self.server.sent += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def serving(port: int = 0) -> Iterator[MjpegServer]:
    with MjpegServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.drop_all()
            server.shutdown()
            thread.join()
