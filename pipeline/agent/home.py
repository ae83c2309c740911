"""Where the run is that an agent serves, as the network has it."""

import socket

from msgspec import Struct

PROBE_S = 0.2
"""How long a machine may take to refuse a connection."""


class Home(Struct, frozen=True):
    """Where the run is."""

    host: str
    port: int

    def own_address(self) -> str:
        """Ours, as this machine would send from to it; loopback if there is no way at all yet."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                # A datagram socket that connects sends nothing: it only looks for the way.
                probe.connect((self.host, self.port))
                return str(probe.getsockname()[0])
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"

    @property
    def is_gone(self) -> bool:
        """Whether its machine says that nobody listens there. One that cannot be reached may be cut off."""
        try:
            with socket.create_connection((self.host, self.port), PROBE_S):
                return False
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
