"""The machines of a run at one moment, and the links between them. A run on one machine has neither."""

from msgspec import Struct


class MachineNow(Struct):
    """One machine, that of the command among them, as `home`.

    `here` is whether its agent serves, `agents` how many have come so far, `away_s` the seconds since the last one
    went. `awaited`: workers wait for it. `refused` are messages that its agents refused. `workers` run stages, `up` of
    them are ready. CPU seconds and memory are those of all its workers, the ends of its links included.
    """

    name: str
    here: bool
    agents: int = 1
    awaited: bool = False
    away_s: float = 0.0
    cores: int = 0
    refused: int = 0
    workers: int = 0
    up: int = 0
    cpu_seconds: float = 0.0
    resident_bytes: int = 0

    @property
    def trouble(self) -> str:
        """`waiting for n1 (12 s)`; empty if nobody does."""
        return f"waiting for {self.name} ({self.away_s:.0f} s)" if self.awaited else ""


NO_PIXELS = "none"
"""How pictures cross a link behind which no stage looks at them."""


class LinkNow(Struct):
    """One direction of a link, and the process that sends at its beginning.

    `sent_bytes` are all that it has handed to the network, `restarts` how often it was replaced: once for each loss of
    the link. The CPU seconds are those of the sending end; it receives, too, what comes the other way. `pixels` is
    how pictures cross: raw, as jpeg, or none where no stage looks at them.
    """

    here: str
    there: str
    up: bool
    sent_bytes: int = 0
    restarts: int = 0
    cpu_seconds: float = 0.0
    pixels: str = "raw"

    @property
    def name(self) -> str:
        """`home>n1`."""
        return f"{self.here}>{self.there}"

    @property
    def way_back(self) -> str:
        """The name of the other direction."""
        return f"{self.there}>{self.here}"
