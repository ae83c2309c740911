"""What the server's process is told at its start."""

from msgspec import Struct


class ServerBoot(Struct, frozen=True, tag=True):
    """`fd` is the socket that listens, inherited; `supervisor` the supervisor's inbox; `token` may be empty."""

    pipeline: str
    supervisor: str
    fd: int
    token: str
