"""Who starts the agents of a run."""

from collections.abc import Iterable
from typing import Protocol


class Hosts(Protocol):
    """Starts agents, and others in place of those that are lost."""

    def came(self, machine: str) -> None:
        """A machine's agent serves now."""

    def lost(self, machine: str) -> None:
        """A machine's agent counts as gone: another is needed."""

    @property
    def look_s(self) -> float:
        """Seconds until `look` is to be called again."""

    def look(self) -> Iterable[str]:
        """Take news of agents; returns why the run cannot go on."""

    def cure(self, machine: str) -> str:
        """What a user can do if a machine does not come."""

    def close(self) -> None:
        """The run is over: end the agents that are left."""


class AwaitedHosts:
    """See Hosts: the user, or a service manager, starts the agents."""

    def __init__(self, address: str) -> None:
        """`address` is where the run is found."""
        self._address = address

    def came(self, machine: str) -> None:
        """See Hosts."""

    def lost(self, machine: str) -> None:
        """See Hosts."""

    look_s = 0.5

    def look(self) -> Iterable[str]:
        """See Hosts."""
        return ()

    def cure(self, machine: str) -> str:
        """See Hosts."""
        return f"start its agent: framewire node --join {self._address} --name {machine} --key {machine}.key"

    def close(self) -> None:
        """See Hosts."""
