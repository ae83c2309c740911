"""Streams dealt out over two nodes of a Ray cluster: whoever dies, the files are those of an undisturbed run."""

import importlib.util
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.dealt import DEALT, STREAMS, of_frames, undisturbed_files
from tests.system.running import Finished, Running, lines_in, run, title, wait_until
from tests.system.storm import results

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    # Ray itself takes half a minute to start on a busy machine.
    pytest.mark.timeout(150),
]
FRAMES = 42
"""Of each stream."""
DISTURBED_AT = FRAMES // 3
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000, "include_dashboard": False}
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # On the loopback interface alone.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # A node that has died is noticed in two seconds instead of fifteen.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}


class Nodes:
    """A Ray cluster of two nodes, with one CPU each: two machines cannot be one."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster: Any = Cluster(initialize_head=True, head_node_args=NODE)
        self.others = [self.cluster.add_node(**NODE)]
        self.address = str(self.cluster.address)

    def replace(self) -> None:
        """Add a node for one whose raylet has been killed."""
        dead = self.others.pop()
        self.others.append(self.cluster.add_node(**NODE))
        self.cluster.remove_node(dead, allow_graceful=False)


@pytest.fixture(scope="module")
def token() -> Iterator[None]:
    """Ray's settings, among them a token that nobody else has."""
    # The paths of Ray's sockets have 107 bytes: pytest's folders are too deep.
    folder = tempfile.mkdtemp(prefix="fwt-ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        given = {**SETTINGS, "RAY_TMPDIR": folder, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        for name, value in given.items():
            patch.setenv(name, value)
        Path(folder, "ray").mkdir()
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nodes(token: None) -> Iterator[Nodes]:
    made = Nodes()
    yield made
    made.cluster.shutdown()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return undisturbed_files(tmp_path_factory.mktemp("undisturbed"), *of_frames(FRAMES))


def start(nodes: Nodes, out: Path, *arguments: str) -> Running:
    address = ("--engine", "ray", "--ray-address", nodes.address)
    return Running(DEALT, out, *address, *of_frames(FRAMES), *arguments)


def wait_for_lines(out: Path, count: int = DISTURBED_AT) -> None:
    for stream, machine in STREAMS.items():
        path = out / machine / f"{stream}.jsonl"
        wait_until(lambda path=path: lines_in(path) >= count, f"line {count} of {stream}")  # type: ignore[misc]


def far_worker(name: str) -> psutil.Process:
    """A worker that is no child of the run's: one of a raylet that we have started."""
    return next(one for one in ours() if title(one).endswith(f" dealt {name}"))


def raylet_of(worker: psutil.Process) -> psutil.Process:
    """The raylet among its ancestors."""
    return next(one for one in worker.parents() if one.name() == "raylet")


def actor_of(worker: psutil.Process) -> psutil.Process:
    """Ray's actor among its ancestors: the child of a raylet."""
    lineage = worker.parents()
    return lineage[lineage.index(raylet_of(worker)) - 1]


def ours() -> list[psutil.Process]:
    """All processes of agents and their workers, and of Ray's actors."""
    marks = ("framewire dealt", "ray::AgentHost", "agent_host")
    started = psutil.Process().children(recursive=True)
    return [one for one in started if any(mark in title(one) for mark in marks)]


def assert_whole(out: Path, finished: Finished, undisturbed: dict[str, list[str]]) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert (finished.summary.frames.admitted, finished.summary.frames.written) == (2 * FRAMES, 2 * FRAMES)
    assert {
        name: content for machine in STREAMS.values() for name, content in results(out / machine).items()
    } == undisturbed
    assert not psutil.wait_procs(ours(), timeout=10)[1]


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    """End what a test that has failed leaves."""
    yield
    for one in ours():
        one.kill()


def test_the_stages_run_on_two_nodes_and_an_actor_is_killed(
    nodes: Nodes, tmp_path: Path, undisturbed: dict[str, list[str]]
) -> None:
    running = start(nodes, tmp_path)
    wait_for_lines(tmp_path)
    raylets = {raylet_of(far_worker(f"video-{machine}#0")).pid for machine in STREAMS.values()}
    assert len(raylets) == len(STREAMS)
    assert not any("#" in title(one) for one in running.processes()), "a worker at home"
    agents = [one for one in ours() if "agent_host" in title(one)]
    assert len(agents) == len(STREAMS)
    # Ray's token is none of an agent's business, nor of its stages'.
    assert not any(name.startswith("RAY_") for one in agents for name in one.environ())
    worker = far_worker("drawn-n-1#0")
    actor_of(worker).kill()
    assert not psutil.wait_procs([worker], timeout=10)[1]
    finished = running.finish()
    assert_whole(tmp_path, finished, undisturbed)
    assert "asking Ray for another" in finished.stderr


def test_the_run_is_killed_and_resumed(nodes: Nodes, tmp_path: Path, undisturbed: dict[str, list[str]]) -> None:
    running = start(nodes, tmp_path)
    wait_for_lines(tmp_path)
    everyone = [*running.processes(), *ours()]
    running.process.kill()
    running.process.wait()
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    assert_whole(tmp_path, start(nodes, tmp_path, "--resume").finish(), undisturbed)


def test_the_keeper_and_a_raylet_are_killed(nodes: Nodes, tmp_path: Path, undisturbed: dict[str, list[str]]) -> None:
    running = start(nodes, tmp_path)
    wait_for_lines(tmp_path)
    next(one for one in running.processes() if title(one) == "framewire dealt ray").kill()
    wait_until(lambda: all(running.stderr().count(f"{one} has joined") == 2 for one in STREAMS.values()), "new agents")
    head = nodes.cluster.head_node.all_processes["raylet"][0].process.pid
    agents = [one for one in ours() if "agent_host" in title(one)]
    (victim,) = [one for one in agents if raylet_of(one).pid != head]
    raylet_of(victim).kill()
    assert not psutil.wait_procs([victim], timeout=10)[1]
    nodes.replace()
    finished = running.finish()
    assert_whole(tmp_path, finished, undisturbed)
    assert "starting it again" in finished.stderr


def test_a_cluster_without_a_token_is_refused(token: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    try:
        finished = run(DEALT, tmp_path, "--engine", "ray", "--ray-address", str(cluster.address))
    finally:
        cluster.shutdown()
    assert finished.code == 1
    assert "requires no token" in finished.stderr
    assert "--insecure-ray" in finished.stderr


def test_a_local_ray_is_started_and_ends_with_the_run(token: None, tmp_path: Path) -> None:
    running = Running(DEALT, tmp_path, "--engine", "ray", *of_frames(6))
    wait_for_lines(tmp_path, 1)
    family = running.processes()
    keeper = next(one for one in family if title(one) == "framewire dealt ray")
    pids = {one.pid for one in family}
    listens = {
        one.laddr.ip.removeprefix("::ffff:")
        for one in psutil.net_connections("tcp")
        if one.laddr and one.status == "LISTEN" and one.pid in pids
    }
    assert listens == {"127.0.0.1"}
    assert len(list(Path("/tmp").glob(f"fw-ray-{keeper.pid}-*"))) == 1
    finished = running.finish()
    assert (finished.code, finished.summary and finished.summary.frames.written) == (0, 12), finished.stderr
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert not list(Path("/tmp").glob(f"fw-ray-{keeper.pid}-*"))
