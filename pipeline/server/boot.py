"""What the server's process gets at startup."""

from msgspec import Struct

SERVER = "server"
"""The name that the server has in messages and in the log: no worker can have it, since theirs end in a number."""


class ServerBoot(Struct, frozen=True, tag=True):
    """`fd` is the inherited listening socket; `supervisor` the supervisor's inbox; `token` may be empty."""

    pipeline: str
    supervisor: str
    fd: int
    token: str
