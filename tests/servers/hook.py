"""A webhook: an HTTP server that keeps what is posted, and answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from msgspec import Struct

from tests.servers.brokers import name_of
from tests.servers.server import Name, Server


class Request(Struct):
    """What was posted, with its headers in small letters."""

    headers: dict[str, str]
    body: bytes


class Hook(Server):
    """In this process; stopped, its port is closed."""

    def prepare(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[int] = []
        """Statuses of the next answers; then 204."""
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = hook.answers.pop(0) if hook.answers else 204
                if status < 300:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    hook.requests.append(Request(headers, body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self, kill: bool = False) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            # A connection that is open stays so: its next request is refused.
            self._server = None

    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def received(self) -> list[Name]:
        return [name_of(line) for request in self.requests for line in request.body.splitlines()]


def hook_in(folder: Path) -> Hook:
    """A hook."""
    return Hook(folder)
