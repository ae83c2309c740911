"""Hosts in network namespaces on one switch, whose links can be cut; and agents that run there, or right here."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil
import pytest

from tests.system.running import DEADLINE_S, PIPELINES, command, title, wait_until

OURS = f"fwt{os.getpid()}"
"""Begins the names of our namespaces: other tests may have theirs."""
SWITCH = f"{OURS}-switch"


class Host:
    """A namespace with one address, on the switch."""

    def __init__(self, name: str, address: str) -> None:
        self.name = f"{OURS}-{name}"
        self.address = address
        self._port = f"p-{name}"

    def make(self) -> None:
        _ip("netns", "add", self.name)
        _ip("-n", SWITCH, "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("-n", SWITCH, "link", "set", self._port, "master", "br0", "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", self.name, "link", "set", device, "up")

    def cut(self) -> None:
        """No packet goes in or out, and nobody is told."""
        _ip("-n", SWITCH, "link", "set", self._port, "nomaster")

    def heal(self) -> None:
        _ip("-n", SWITCH, "link", "set", self._port, "master", "br0")

    def deafen(self, other: "Host") -> None:
        """Nothing that the other says arrives here; it hears us."""
        _ip("-n", other.name, "route", "add", "blackhole", f"{self.address}/32")

    def undeafen(self, other: "Host") -> None:
        _ip("-n", other.name, "route", "del", "blackhole", f"{self.address}/32")

    @property
    def prefix(self) -> list[str]:
        """Before a command that shall run there."""
        return ["ip", "netns", "exec", self.name]


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Hosts on one switch; skips the test where they cannot be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    made = [Host(name, f"10.77.0.{number}") for number, name in enumerate(names, start=1)]
    _remove(made)
    try:
        _ip("netns", "add", SWITCH)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr}")
    try:
        _ip("-n", SWITCH, "link", "add", "br0", "type", "bridge")
        _ip("-n", SWITCH, "link", "set", "br0", "up")
        for host in made:
            host.make()
        yield made
    finally:
        _remove(made)


def _remove(made: Sequence[Host]) -> None:
    for name in (*(host.name for host in made), SWITCH):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Agent:
    """`framewire node` in a process of its own."""

    def __init__(
        self,
        join: str,
        key: Path,
        out: Path,
        *arguments: str,
        host: Host | None = None,
        cwd: Path = PIPELINES,
    ) -> None:
        self._log = out.with_suffix(".log")
        self.out = out
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(host.prefix if host is not None else []),
                    *command("node", "--join", join, "--key", str(key), "--out", str(out), *arguments),
                ],
                stdout=log,
                stderr=log,
                cwd=cwd,
                start_new_session=True,
            )

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def said(self) -> str:
        """Its log so far."""
        return self._log.read_text()

    def processes(self) -> list[psutil.Process]:
        """Its nursery and its workers."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def worker(self, name: str) -> psutil.Process:
        """The process of a worker such as `frontal-n-0#1`, waiting until it exists."""
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [one for one in self.processes() if title(one).endswith(f" {name}")]
            return bool(found)

        wait_until(look, f"{name} at {self.out.name}")
        return found[0]

    def stop(self) -> int:
        """As systemd does."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        """As the kernel does; returns when all of its workers are gone, too."""
        family = self.processes()
        self.process.kill()
        self.process.wait(DEADLINE_S)
        assert not psutil.wait_procs(family, timeout=DEADLINE_S)[1]
