"""The actor, without Ray: what it starts gets its key where nobody else reads it, and ends with it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from framewire.pipeline.engine.agent_host import AgentHost
from framewire.pipeline.line.keys import new_pair
from tests.system.running import free_port, title, wait_until

ACTOR = "import sys; from framewire.pipeline.engine.agent_host import AgentHost; AgentHost().serve(*sys.argv[1:])"


def test_each_makes_a_key_of_its_own() -> None:
    assert AgentHost().offer() != AgentHost().offer()


def test_an_agent_dies_with_its_actor_and_nobody_sees_its_key(tmp_path: Path) -> None:
    arguments = ["n", new_pair()[0], f"127.0.0.1:{free_port()}", str(tmp_path), str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-c", ACTOR, *arguments],
        env={**os.environ, "RAY_AUTH_TOKEN": "not for the agent", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    ) as actor:
        assert actor.stderr is not None
        # It has read its key: it looks for a run.
        assert b"n: looking for a run" in actor.stderr.readline()
        (agent,) = psutil.Process(actor.pid).children()
        assert agent.cwd() == str(tmp_path)
        assert not {"RAY_AUTH_TOKEN"} & agent.environ().keys()
        assert "secret" not in title(agent)
        assert not list(tmp_path.iterdir())
        actor.kill()
        wait_until(lambda: not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE, "the agent's end")


def test_why_an_agent_may_not_serve_is_told(tmp_path: Path) -> None:
    status, text = AgentHost().serve("n", new_pair()[0], "nowhere", str(tmp_path), str(tmp_path))
    assert status == 2
    assert "--join nowhere" in text
