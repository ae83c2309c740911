"""What Ray runs on another machine: an actor that starts an agent as a program of its own, and waits for its end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from framewire.pipeline.line.keys import AgentKey, encode_agent_key, new_pair
from framewire.pipeline.processes.parent_death import at_death_of

PROGRAM = (
    "from framewire.pipeline.engine.agent_host import end_with_actor; end_with_actor(); "
    "from framewire.pipeline.terminal.cli import main; main()"
)
OF_RAY = "RAY_"
THREADS = "OMP_NUM_THREADS"
"""Set by Ray to the CPUs that are booked; an agent shares out the cores by itself."""
COMPLAINTS = ("error:", " WARNING ", " ERROR ")


class AgentHost:
    """The actor: an agent is a program, since an actor has a score of threads, and a nursery must have one.

    The agent ends with the thread that starts it: `serve` must run in the actor's main thread, so the actor is neither
    threaded nor asynchronous.
    """

    def __init__(self) -> None:
        self._public, self._secret = new_pair()

    def end_with_raylet(self) -> None:
        """From now on this process dies with its raylet: left to Ray, it goes on for a while, with what it has booked.

        An actor's parent is its node's raylet.
        """
        at_death_of(os.getppid(), signal.SIGKILL)

    def offer(self) -> str:
        """The agent's public key. The secret one is made here, and stays here: Ray encrypts nothing that it sends."""
        return self._public

    def serve(self, machine: str, run_key: str, join: str, out: str, folder: str) -> tuple[int, str]:
        """Start the agent of a machine, with its key on its standard input, where nobody else can read it.

        `run_key` is the run's public key, `folder` the agent's current folder, if there is such a one here. Returns its
        exit status, and its last complaint.
        """
        key = encode_agent_key(AgentKey(machine, self._public, self._secret, run_key))
        agent = subprocess.Popen(
            [
                *(sys.executable, "-P", "-c", PROGRAM, str(os.getpid())),
                *("node", "--join", join, "--key", "-", "--name", machine, "--out", out, "--once"),
            ],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder if Path(folder).is_dir() else None,
            env={name: value for name, value in os.environ.items() if not name.startswith(OF_RAY) and name != THREADS},
        )
        assert agent.stdin is not None and agent.stderr is not None
        complaints = [""]
        # A process that a stage has left behind may hold the pipe: nobody waits for its end.
        threading.Thread(target=_pass_on, args=(agent.stderr, complaints), daemon=True).start()
        with agent.stdin as stdin:
            stdin.write(key)
        return agent.wait(), complaints[-1]


def _pass_on(lines: IO[bytes], complaints: list[str]) -> None:
    """An agent's log, to the actor's, which Ray keeps."""
    for raw in lines:
        line = raw.decode(errors="replace").rstrip()
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        if any(mark in line for mark in COMPLAINTS):
            complaints[-1] = line


def end_with_actor() -> None:
    """In what `serve` has started: die with the actor, whose pid is the first argument, and is taken off."""
    at_death_of(int(sys.argv.pop(1)), signal.SIGKILL)
