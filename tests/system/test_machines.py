"""Streams dealt out to other machines: whoever dies, and whatever is cut, the files are those of an undisturbed run."""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.cluster import Cluster, on_one_machine
from tests.system.hosts import Agent, Host
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Finished, framewire, free_port, lines_in, run, title, wait_until
from tests.system.storm import results

DEALT = PIPELINES / "dealt.yaml"
STREAMS = {"door": "n-0", "hall": "n-1"}
FRAMES = 72
DISTURBED_AT = FRAMES // 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What one machine writes: the same graph without machines."""
    return on_one_machine(DEALT, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def cluster(tmp_path: Path, keys: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, keys, [None, None, None], DEALT)
    yield cluster
    cluster.close()


def halfway(cluster: Cluster, count: int = DISTURBED_AT) -> None:
    """Wait until each stream has so many lines."""
    for stream, machine in STREAMS.items():
        path = cluster.folder / machine / f"{stream}.jsonl"
        wait_until(lambda path=path: lines_in(path) >= count, f"line {count} of {stream}")  # type: ignore[misc]


def assert_whole(cluster: Cluster, finished: Finished, undisturbed: dict[str, list[str]]) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert (finished.summary.frames.admitted, finished.summary.frames.written) == (2 * FRAMES, 2 * FRAMES)
    assert cluster.files() == undisturbed


@in_full
def test_the_same_files_as_on_one_machine(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    assert_whole(cluster, cluster.running.finish(), undisturbed)
    for machine in STREAMS.values():
        wait_until(lambda machine=machine: "the run is over" in cluster.agents[machine].said(), machine)  # type: ignore[misc]
        assert not cluster.agents[machine].processes()
    assert not results(cluster.folder / "home")


@in_full
@pytest.mark.parametrize(
    "victim",
    ["door#0", "frontal-n-0#1", "look-n-0#0", "numbered-n-0#0", "drawn-n-0#0", "video-n-0#0", "avi-n-0#0"],
)
def test_a_far_worker_is_killed(victim: str, cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    cluster.agents["n-0"].worker(victim).kill()
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert finished.summary is not None
    assert finished.summary.stages[victim.split("#")[0]].restarts == 1


@in_full
def test_a_far_nursery_is_killed(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    next(one for one in cluster.agents["n-1"].processes() if title(one).endswith(" nursery")).kill()
    assert_whole(cluster, cluster.running.finish(), undisturbed)


@in_full
def test_an_agent_is_killed_and_comes_back(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    cluster.agents["n-1"].kill()
    cluster.agents["n-1"] = cluster.agent(1)
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert "n-1 has not been heard" in finished.stderr


@in_full
def test_an_agent_is_told_to_stop_and_another_takes_over(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    leaving = cluster.agents["n-0"]
    assert leaving.stop() == 0
    assert "the run let it leave" in leaving.said()
    cluster.agents["n-0"] = cluster.agent(0)
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)
    assert "n-0 may leave" in finished.stderr


@in_full
def test_a_machine_is_let_go_by_command(tmp_path: Path, keys: Path, undisturbed: dict[str, list[str]]) -> None:
    url = f"127.0.0.1:{free_port()}"
    cluster = Cluster(tmp_path, keys, [None, None, None], DEALT, "--http", url)
    try:
        halfway(cluster, 1)
        done = framewire("machines", "drain", "n-0", "--url", f"http://{url}")
        assert done.code == 0, done.stderr
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(f"http://{url}/machines/n-1/drain", method="POST"))
        for name in ("n-7", "home"):
            refused = framewire("machines", "drain", name, "--url", f"http://{url}")
            assert (refused.code, "404" in refused.stderr) == (1, True)
        assert cluster.agents["n-0"].process.wait(30) == 0
        cluster.agents["n-0"] = cluster.agent(0)
        assert_whole(cluster, cluster.running.finish(), undisturbed)
    finally:
        cluster.close()


@in_full
def test_an_agent_is_told_to_stop_twice_and_comes_back(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    agent = cluster.agents["n-0"]
    agent.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "told to stop" in agent.said(), "the first signal")
    assert agent.stop() == 130
    cluster.agents["n-0"] = cluster.agent(0)
    finished = cluster.running.finish()
    assert_whole(cluster, finished, undisturbed)


@in_full
def test_an_agent_that_is_stopped_past_its_lease_ends_its_workers(
    cluster: Cluster, undisturbed: dict[str, list[str]]
) -> None:
    halfway(cluster)
    agent = psutil.Process(cluster.agents["n-0"].process.pid)
    workers = cluster.agents["n-0"].processes()
    agent.suspend()
    wait_until(lambda: "n-0 has not been heard" in cluster.running.stderr(), "the lease's end")
    agent.resume()
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert_whole(cluster, cluster.running.finish(), undisturbed)


def test_the_run_is_killed_and_resumed(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    everyone = cluster.processes()
    cluster.running.process.kill()
    cluster.running.process.wait()
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    cluster.running = cluster.start("--resume")
    assert_whole(cluster, cluster.running.finish(), undisturbed)


@in_full
def test_an_agent_that_has_not_the_files_is_refused_and_the_right_one_goes_on(
    cluster: Cluster, undisturbed: dict[str, list[str]]
) -> None:
    halfway(cluster)
    cluster.agents["n-0"].kill()
    elsewhere = Agent(cluster.join, cluster.keys / "n-0.key", cluster.folder / "another-disk")
    finished = cluster.running.finish()
    elsewhere.stop()
    assert finished.code == 1
    assert "another-disk has nothing of this run, though n-0 has written files" in finished.stderr
    cluster.agents["n-0"] = cluster.agent(0)
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


@in_full
def test_strangers_are_refused(cluster: Cluster, tmp_path: Path, undisturbed: dict[str, list[str]]) -> None:
    others = framewire("machines", "keys", "n-0", "--folder", str(tmp_path / "others"))
    assert others.code == 0
    with Agent(cluster.join, tmp_path / "others" / "n-0.key", tmp_path / "stranger", "--once") as stranger:
        assert_whole(cluster, cluster.running.finish(), undisturbed)
        assert "serving" not in stranger.said()


Cut = Callable[[list[Host]], None]
CUTS: dict[str, tuple[Cut, Cut]] = {
    "cut": (lambda three: three[1].cut(), lambda three: three[1].heal()),
    "home deaf": (lambda three: three[0].deafen(three[1]), lambda three: three[0].undeafen(three[1])),
    "machine deaf": (lambda three: three[1].deafen(three[0]), lambda three: three[1].undeafen(three[0])),
}


@in_full
@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 3.0, 8.0])
def test_a_machine_is_cut_off(
    how: str, seconds: float, three: list[Host], tmp_path: Path, keys: Path, undisturbed: dict[str, list[str]]
) -> None:
    cluster = Cluster(tmp_path, keys, list(three), DEALT)
    try:
        halfway(cluster)
        break_it, mend_it = CUTS[how]
        break_it(three)
        # How long the cut lasts is what is tested.
        time.sleep(seconds)
        mend_it(three)
        assert_whole(cluster, cluster.running.finish(), undisturbed)
    finally:
        cluster.close()


@in_full
def test_a_cut_off_machine_ends_its_workers_by_itself(three: list[Host], tmp_path: Path, keys: Path) -> None:
    cluster = Cluster(tmp_path, keys, list(three), DEALT)
    try:
        halfway(cluster)
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
    cluster = Cluster(tmp_path, keys, list(three), DEALT)
    try:
        halfway(cluster, 1)
        for host in three:
            listing = subprocess.run(
                [*host.prefix, "ss", "-H", "-l", "-n", "-t", "-u"], capture_output=True, text=True, check=True
            ).stdout
            listens = [line.split()[4 if "UNCONN" in line or "LISTEN" in line else 3] for line in listing.splitlines()]
            assert all(cluster.join in line for line in listing.splitlines()), (host.name, listens)
            assert bool(listing) == (host is three[0])
    finally:
        cluster.close()


@pytest.fixture
def meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where those meet that choose at the same time."""
    (tmp_path / "meet").mkdir()
    monkeypatch.setenv("MEET", str(tmp_path / "meet"))


def run_on_three(folder: Path, keys: Path, config: Path) -> Finished:
    cluster = Cluster(folder, keys, [None, None, None], config)
    try:
        return cluster.running.finish()
    finally:
        cluster.close()


@in_full
@pytest.mark.usefixtures("meet")
def test_replicas_that_choose_otherwise_end_the_run(tmp_path: Path, keys: Path) -> None:
    finished = run_on_three(tmp_path, keys, PIPELINES / "picks.yaml")
    assert finished.code == 1
    assert "replicas must give the same answers" in finished.stderr
    assert "picks: method is n-" in finished.stderr


@in_full
@pytest.mark.usefixtures("meet")
def test_a_stage_that_is_dealt_out_and_chooses_otherwise_is_told_of(tmp_path: Path, keys: Path) -> None:
    dealt = tmp_path / "dealt.yaml"
    text = (PIPELINES / "picks.yaml").read_text().replace(", on: n, replicas: 2", "")
    dealt.write_text(text.replace("}}}", "}}, on: {streams: [n]}}"))
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    finished = run_on_three(tmp_path, keys, dealt)
    assert finished.code == 0, finished.stderr
    assert finished.stderr.count("their streams may get different answers") == 1
