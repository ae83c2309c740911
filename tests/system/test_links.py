"""One graph over three machines: whoever dies, and whatever is cut, the files are those of one machine."""

import json
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import psutil
import pytest

from tests.system.cluster import Cluster, on_one_machine
from tests.system.hosts import Host
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Finished, lines_in, wait_until
from tests.system.storm import results

SPLIT = PIPELINES / "split.yaml"
FRAMES = 72
DISTURBED_AT = FRAMES // 3
LOOKS = PIPELINES / "looks.yaml"
LOOKS_FRAMES = 36
A_PICTURE = 1280 * 720 * 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return on_one_machine(SPLIT, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def cluster(tmp_path: Path, keys: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, keys, [None, None, None], SPLIT)
    yield cluster
    cluster.close()


def halfway(cluster: Cluster) -> None:
    path = cluster.folder / "home" / "split.jsonl"
    wait_until(lambda: lines_in(path) >= DISTURBED_AT, f"line {DISTURBED_AT}")


def assert_whole(cluster: Cluster, finished: Finished, undisturbed: dict[str, list[str]]) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert (finished.summary.frames.admitted, finished.summary.frames.written) == (FRAMES, FRAMES)
    assert {**results(cluster.folder / "home"), **cluster.files()} == undisturbed


def test_the_same_files_as_on_one_machine(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    far = [cluster.agents["n-0"].worker("frontal#1"), cluster.agents["n-1"].worker("avi#0")]
    assert all(
        cluster.agents[name].process.pid in [one.pid for one in worker.parents()]
        for name, worker in zip(cluster.agents, far, strict=True)
    )
    assert_whole(cluster, cluster.running.finish(), undisturbed)


@pytest.mark.parametrize(
    ("machine", "victim"),
    [
        ("n-0", "n-0>n-1#0"),
        *(
            pytest.param(machine, name, marks=in_full)
            for machine, name in (
                ("home", "home>n-0#0"),
                ("home", "capture#0"),
                ("home", "video#0"),
                ("n-0", "n-0>home#0"),
                ("n-0", "frontal#1"),
                ("n-0", "drawn#0"),
                ("n-1", "avi#0"),
                ("n-1", "n-1>n-0#0"),
                ("n-1", "look#0"),
            )
        ),
    ],
)
def test_a_worker_or_a_porter_is_killed(
    machine: str, victim: str, cluster: Cluster, undisturbed: dict[str, list[str]]
) -> None:
    halfway(cluster)
    place = cluster.running if machine == "home" else cluster.agents[machine]
    place.worker(victim).kill()
    assert_whole(cluster, cluster.running.finish(), undisturbed)


@pytest.fixture(scope="module")
def undisturbed_looks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return on_one_machine(LOOKS, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize(
    ("machine", "victim"),
    [
        ("", ""),
        *(
            pytest.param(machine, name, marks=in_full)
            for machine, name in (
                ("n-0", "n-0>home#0"),
                ("home", "home>n-0#0"),
                ("n-0", "n-0>n-1#0"),
                ("home", "ticks#0"),
            )
        ),
    ],
)
def test_pixels_go_only_where_a_stage_looks(
    machine: str, victim: str, tmp_path: Path, keys: Path, undisturbed_looks: dict[str, list[str]]
) -> None:
    cluster = Cluster(tmp_path, keys, [None, None, None], LOOKS)
    try:
        if victim:
            path = tmp_path / "home" / "looks.jsonl"
            wait_until(lambda: lines_in(path) >= LOOKS_FRAMES // 3, "a third of the lines")
            place = cluster.running if machine == "home" else cluster.agents[machine]
            place.worker(victim).kill()
        finished = cluster.running.finish()
        assert finished.code == 0, finished.stderr
        assert {**results(tmp_path / "home"), **cluster.files()} == undisturbed_looks
        assert finished.summary is not None
        each = {name: link.sent_bytes / LOOKS_FRAMES for name, link in finished.summary.links.items()}
        lives = 1 if not victim else 2
        assert each["n-0>home"] < 2000 * lives
        assert each["home>n-0"] < 2000 * lives
        assert A_PICTURE <= each["n-0>n-1"] < A_PICTURE + 2000 or victim
        assert {name: link.pixels for name, link in finished.summary.links.items()}["n-0>home"] == "none"
    finally:
        cluster.close()


@in_full
def test_a_porter_is_stopped_for_longer_than_anybody_waits(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    porter = cluster.agents["n-0"].worker("n-0>home#0")
    porter.suspend()
    wait_until(lambda: "is lost" in cluster.running.stderr(), "the loss of the link")
    porter.resume()
    assert_whole(cluster, cluster.running.finish(), undisturbed)


def test_jpeg_pictures_over_shared_replicas(tmp_path: Path, keys: Path) -> None:
    config = tmp_path / "spread.yaml"
    config.write_text(
        """
engine: agents
machines: {n: {count: 2}}
links: {pixels: jpeg}
stages:
  capture: {source: demo, limit: 72}
  faces: {use: face_detect, input: capture, width: 320, min_size: 100, replicas: 4, on: n}
  lines: {use: jsonl_writer, input: faces, path: faces.jsonl}
"""
    )
    cluster = Cluster(tmp_path, keys, [None, None, None], config)
    try:
        finished = cluster.running.finish()
        assert finished.code == 0, finished.stderr
        lines = [json.loads(line) for line in (tmp_path / "home" / "faces.jsonl").read_text().splitlines()]
        assert [line["seq"] for line in lines] == list(range(FRAMES))
        assert sum(len(line["detections"]) for line in lines) > FRAMES
    finally:
        cluster.close()


@in_full
def test_an_agent_is_killed_and_comes_back(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    cluster.agents["n-0"].kill()
    cluster.agents["n-0"] = cluster.agent(0)
    assert_whole(cluster, cluster.running.finish(), undisturbed)


@in_full
def test_the_run_is_killed_and_resumed(cluster: Cluster, undisturbed: dict[str, list[str]]) -> None:
    halfway(cluster)
    everyone = cluster.processes()
    cluster.running.process.kill()
    cluster.running.process.wait()
    assert not psutil.wait_procs(everyone, timeout=10)[1]
    cluster.running = cluster.start("--resume")
    assert_whole(cluster, cluster.running.finish(), undisturbed)


CUTS = list(product((1, 2), (1.0, 2.0, 3.0, 4.0, 8.0)))


@pytest.mark.parametrize(("cut_off", "seconds"), [(1, 0.5), *(pytest.param(*cut, marks=in_full) for cut in CUTS)])
def test_a_machine_is_cut_off(
    cut_off: int, seconds: float, three: list[Host], tmp_path: Path, keys: Path, undisturbed: dict[str, list[str]]
) -> None:
    cluster = Cluster(tmp_path, keys, list(three), SPLIT)
    try:
        halfway(cluster)
        three[cut_off].cut()
        # How long the cut lasts is what is tested.
        time.sleep(seconds)
        three[cut_off].heal()
        assert_whole(cluster, cluster.running.finish(), undisturbed)
    finally:
        cluster.close()
