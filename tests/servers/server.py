"""A server that a test starts, stops and starts again."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from tests.system.running import free_port, wait_until

Name = tuple[str, str, int]
"""Run, stream and seq of a message."""


def program(name: str, *folders: str) -> str:
    """A Debian program; skips the test where it is absent."""
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", *folders]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class Server:
    """One server on a port of its own that keeps its data when it is stopped."""

    user: ClassVar[str] = ""
    """Who must run it, if the tests' own user is root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self.prepare()

    def prepare(self) -> None:
        """Write its configuration."""

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def url(self) -> str:
        """The address for `to`."""
        raise NotImplementedError

    def received(self) -> list[Name]:
        """What has reached it, in order."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=self.as_user()
        )
        wait_until(self.listens, type(self).__name__)

    def stop(self, kill: bool = False) -> None:
        """Stop it, or kill it."""
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        """It is not needed any more."""
        self.stop(kill=True)

    def listens(self) -> bool:
        """Whether somebody takes connections on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def as_user(self) -> "Callable[[], None] | None":
        """What the new process does first: it becomes another user, if it must."""
        if not self.user or os.getuid():
            return None
        who = pwd.getpwnam(self.user)

        def become() -> None:
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)

        return become
