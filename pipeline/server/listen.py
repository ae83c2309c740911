"""Where the server listens, and who may look: anyone on loopback, elsewhere only those with the token."""

import ipaddress
import secrets
import socket

from msgspec import Struct

from framewire.pipeline.document.config_error import ConfigError, Place

DEFAULT = "127.0.0.1:9797"
OFF = "off"
TOKEN_VARIABLE = "FRAMEWIRE_TOKEN"
"""The environment variable with the token; a command line would show it to all users of the machine."""
BACKLOG = 128
ORDER_HEADER = "X-Framewire-Order"
"""Of requests that change something: a page of another site cannot send it without asking, and is not answered."""


class Listening(Struct):
    """A listening socket, its address, and the required token, or none on loopback.

    `made` is true for a generated token, which nobody knows unless it is logged.
    """

    socket: socket.socket
    host: str
    port: int
    token: str
    made: bool

    @property
    def url(self) -> str:
        """The URL for a browser; a token given by the user is not shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        shown = self.token if self.made else "..."
        return f"http://{host}:{self.port}/" + (f"?token={shown}" if self.token else "")


def listen(address: str, token: str = "") -> Listening:
    """Listen at HOST:PORT (port 0: any free one). Raises ConfigError, OSError if it is taken.

    Beyond loopback a token is required; one is generated if not given.
    """
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    made = not token and not is_loopback(host)
    if made:
        token = secrets.token_urlsafe(16)
    return Listening(listening, host, listening.getsockname()[1], token, made)


def parse_address(address: str, option: str = "--http", example: str = f"{DEFAULT}, or {OFF}") -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPv6]:PORT, given with this option. Raises ConfigError."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdigit() and int(port) < 2**16):
        raise ConfigError(Place(f"{option} {address}"), f"write it as HOST:PORT, such as {example}")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
