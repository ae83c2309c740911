"""Streams dealt out to other machines: whoever dies, and whatever is cut, the files are those of an undisturbed run."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.hosts import Agent, Host, hosts
from tests.system.running import PIPELINES, Finished, Running, framewire, free_port, lines_in, run, title, wait_until
from tests.system.storm import results

DEALT = PIPELINES / "dealt.yaml"
STREAMS = {"door": "n-0", "hall": "n-1"}
FRAMES = 72
DISTURBED_AT = FRAMES // 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one machine writes: the same graph without machines."""
    out = tmp_path_factory.mktemp("undisturbed")
    text = DEALT.read_text().replace("    on: {streams: [n]}\n", "")
    alone = PIPELINES / ".dealt-alone.yaml"
    alone.write_text(text.replace("engine: agents", "engine: local"))
    try:
        finished = run(alone, out)
    finally:
        alone.unlink()
    assert finished.code == 0, finished.stderr
    return results(out)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    made = framewire("machines", "keys", "n-0", "n-1", "--folder", str(tmp_path / "keys"))
    assert made.code == 0, made.stderr
    return tmp_path / "keys"


class Cluster:
    """A run and its two agents, on this host or on three."""

    def __init__(self, folder: Path, keys: Path, places: list[Host | None], config: Path = DEALT) -> None:
        home, *others = places
        self.folder, self.keys, self.config, self.others = folder, keys, config, others
        self.join = f"{home.address if home else '127.0.0.1'}:{free_port()}"
        self.home = home
        self.agents = {f"n-{number}": self.agent(number) for number in range(len(others))}
        self.running = self.start()

    def agent(self, number: int, *arguments: str) -> Agent:
        name = f"n-{number}"
        return Agent(self.join, self.keys / f"{name}.key", self.folder / name, *arguments, host=self.others[number])

    def start(self, *arguments: str) -> Running:
        return Running(
            self.config,
            self.folder / "home",
            *("--agents", self.join, "--keys", str(self.keys), *arguments),
            prefix=self.home.prefix if self.home is not None else (),
        )

    def wait_for_lines(self, count: int = DISTURBED_AT) -> None:
        for stream, machine in STREAMS.items():
            path = self.folder / machine / f"{stream}.jsonl"
            wait_until(lambda path=path: lines_in(path) >= count, f"line {count} of {stream}")  # type: ignore[misc]

    def files(self) -> dict[str, list[str]]:
        return {name: content for machine in self.agents for name, content in results(self.folder / machine).items()}

    def processes(self) -> list[psutil.Process]:
        return [*self.running.processes(), *(one for agent in self.agents.values() for one in agent.processes())]

    def close(self) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        for agent in self.agents.values():
            agent.kill()


@pytest.fixture
def cluster(tmp_path: Path, keys: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, keys, [None, None, None])
    yield cluster
    cluster.close()


def assert_whole(cluster: Cluster, finished: Finished, undisturbed: dict[str, list[str]]) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert (finished.summary.frames.admitted, finished.summary.frames.written) == (2 * FRAMES, 2 * FRAMES)
    assert cluster.files() == undisturbed


def test_the_same_files_as_on_one_machine(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    assert_whole(cluster, cluster.running.finish(), undisturbed)
    for machine in STREAMS.values():
        wait_until(lambda machine=machine: "the run is over" in cluster.agents[machine].said(), machine)  # type: ignore[misc]
        assert not cluster.agents[machine].processes()
    assert not results(cluster.folder / "home")


@pytest.mark.parametrize("victim", ["door#0", "frontal-n-0#1", "numbered-n-0#0", "drawn-n-0#0", "video-n-0#0"])
def test_a_far_worker_is_killed(victim: str, cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    cluster.wait_for_lines()
    cluster.agents["n-0"].worker(victim).kill()
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert finished.summary is not None
    assert finished.summary.stages[victim.split("#")[0]].restarts == 1


def test_a_far_nursery_is_killed(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    cluster.wait_for_lines()
    next(one for one in cluster.agents["n-1"].processes() if title(one).endswith(" nursery")).kill()
    assert_whole(cluster, cluster.running.finish(), undisturbed)


def test_an_agent_is_killed_and_comes_back(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    cluster.wait_for_lines()
    cluster.agents["n-1"].kill()
    cluster.agents["n-1"] = cluster.agent(1)
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert "n-1 has not been heard" in finished.stderr


def test_an_agent_is_told_to_stop_and_comes_back(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    cluster.wait_for_lines()
    assert cluster.agents["n-0"].stop() == 130
    cluster.agents["n-0"] = cluster.agent(0)
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert "n-0 has left" in finished.stderr


def test_an_agent_that_is_stopped_past_its_lease_ends_its_workers(
    cluster: Cluster, undisturbed: dict[str, list[str]]
) -> None:
    cluster.wait_for_lines()
    agent = psutil.Process(cluster.agents["n-0"].process.pid)
    workers = cluster.agents["n-0"].processes()
    agent.suspend()
    wait_until(lambda: "n-0 has not been heard" in cluster.running.stderr(), "the lease's end")
    agent.resume()
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert_whole(cluster, cluster.running.finish(), undisturbed)


def test_the_run_is_killed_and_resumed(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    cluster.wait_for_lines()
    everyone = cluster.processes()
    cluster.running.process.kill()
    cluster.running.process.wait()
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    cluster.running = cluster.start("--resume")
    assert_whole(cluster, cluster.running.finish(), undisturbed)


def test_a_machine_that_never_comes_ends_the_run_with_the_cure(tmp_path: Path, keys: Path) -> None:
    short = tmp_path / "dealt.yaml"
    short.write_text(DEALT.read_text().replace("node_wait_s: 30", "node_wait_s: 1"))
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    port = free_port()
    finished = run(short, tmp_path / "out", "--agents", f"127.0.0.1:{port}", "--keys", str(keys))
    assert finished.code == 1
    assert f"framewire node --join 127.0.0.1:{port} --name n-0 --key n-0.key" in finished.stderr


def test_strangers_are_refused(cluster: Cluster, tmp_path: Path, undisturbed: dict[str, list[str]]) -> None:
    others = framewire("machines", "keys", "n-0", "--folder", str(tmp_path / "others"))
    assert others.code == 0
    with Agent(cluster.join, tmp_path / "others" / "n-0.key", tmp_path / "stranger", "--once") as stranger:
        assert_whole(cluster, cluster.running.finish(), undisturbed)
        assert "serving" not in stranger.said()


@pytest.fixture(scope="module")
def three() -> Iterator[list[Host]]:
    with hosts("home", "n0", "n1") as made:
        yield made


Cut = Callable[[list[Host]], None]
CUTS: dict[str, tuple[Cut, Cut]] = {
    "cut": (lambda three: three[1].cut(), lambda three: three[1].heal()),
    "home deaf": (lambda three: three[0].deafen(three[1]), lambda three: three[0].undeafen(three[1])),
    "machine deaf": (lambda three: three[1].deafen(three[0]), lambda three: three[1].undeafen(three[0])),
}


@pytest.mark.parametrize(("how", "seconds"), [("cut", 0.5), ("cut", 4.0), ("home deaf", 3.0), ("machine deaf", 3.0)])
def test_a_machine_is_cut_off(
    how: str, seconds: float, three: list[Host], tmp_path: Path, keys: Path, undisturbed: dict[str, list[str]]
) -> None:
    cluster = Cluster(tmp_path, keys, list(three))
    try:
        cluster.wait_for_lines()
        break_it, mend_it = CUTS[how]
        break_it(three)
        # How long the cut lasts is what is tested.
        time.sleep(seconds)
        mend_it(three)
        assert_whole(cluster, cluster.running.finish(), undisturbed)
    finally:
        cluster.close()


def test_a_cut_off_machine_ends_its_workers_by_itself(three: list[Host], tmp_path: Path, keys: Path) -> None:
    cluster = Cluster(tmp_path, keys, list(three))
    try:
        cluster.wait_for_lines()
        workers = [one for one in cluster.agents["n-0"].processes() if "#" in title(one)]
        assert workers
        three[1].cut()
        try:
            assert not psutil.wait_procs(workers, timeout=10)[1]
        finally:
            three[1].heal()
    finally:
        cluster.close()


def test_nothing_listens_but_where_it_was_told_to(three: list[Host], tmp_path: Path, keys: Path) -> None:
    cluster = Cluster(tmp_path, keys, list(three))
    try:
        cluster.wait_for_lines(1)
        for host in three:
            listing = subprocess.run(
                [*host.prefix, "ss", "-H", "-l", "-n", "-t", "-u"], capture_output=True, text=True, check=True
            ).stdout
            listens = [line.split()[4 if "UNCONN" in line or "LISTEN" in line else 3] for line in listing.splitlines()]
            assert all(cluster.join in line for line in listing.splitlines()), (host.name, listens)
            assert bool(listing) == (host is three[0])
    finally:
        cluster.close()
