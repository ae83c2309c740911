"""What the server's process gets at startup."""

from msgspec import Struct


class ServerBoot(Struct, frozen=True, tag=True):
    """`fd` is the inherited listening socket; `supervisor` the supervisor's inbox; `token` may be empty."""

    pipeline: str
    supervisor: str
    fd: int
    token: str
