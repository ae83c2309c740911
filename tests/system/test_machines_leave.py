"""Machines that leave a run with a camera: no frame that it has taken is lost, whatever happens meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.film import frames_of
from tests.mjpeg_server import MjpegServer, serving
from tests.system.cluster import Cluster
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Finished, lines_in, wait_until

SLOW_S = 0.1
"""A frame takes so long: a window of them is in flight, and the marks of film and memories move now and then."""


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[MjpegServer]:
    with serving() as server:
        monkeypatch.setenv("DOOR_URL", server.url)
        yield server


@contextmanager
def cluster_of(folder: Path, keys: Path, config: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder, keys, [None, None, None], config)
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def begun(tmp_path: Path, keys: Path, seconds: float = 0.0, sinks: str = "home") -> Iterator[Cluster]:
    """A run with fifty frames of the camera."""
    far = f", on: {sinks}}}" if sinks != "home" else "}"
    text = (PIPELINES / "camera_far.yaml").read_text().replace("seconds: 0.0", f"seconds: {seconds}")
    config = tmp_path / "camera.yaml"
    config.write_text(text.replace("ultrafast}", f"ultrafast{far}").replace('heat.png"}', f'heat.png"{far}'))
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    with cluster_of(tmp_path, keys, config) as cluster:
        wait_until(lambda: written(cluster) >= 50, "fifty frames")
        yield cluster


def written(cluster: Cluster, name: str = "door.jsonl") -> int:
    return lines_in(cluster.folder / "home" / name)


def goes_on(cluster: Cluster) -> None:
    """Wait for fifty frames more."""
    so_far = written(cluster)
    wait_until(lambda: written(cluster) >= so_far + 50, "fifty more")


def leaves(cluster: Cluster, name: str) -> None:
    cluster.agents[name].process.terminate()
    wait_until(lambda: f"{name} wants to leave" in cluster.running.stderr(), "the pause")


def stopped(cluster: Cluster) -> Finished:
    cluster.running.process.terminate()
    finished = cluster.running.finish()
    assert finished.code == 130, finished.stderr
    return finished


def assert_none_is_lost(cluster: Cluster, finished: Finished) -> None:
    assert finished.summary is not None
    frames = finished.summary.frames
    assert (frames.failed, frames.written) == ({}, frames.admitted)
    film = next(cluster.folder.glob("*/door.mp4"))
    assert sum(1 for _ in frames_of(film)) == frames.written == written(cluster)


CASES = [
    (["n-0"], "n-0", 0.0, ""),
    (["n-1"], "home", 0.0, ""),
    (["n-0", "n-1"], "home", 0.0, ""),
    (["n-1", "n-0"], "n-1", 0.0, ""),
    (["n-0"], "home", SLOW_S, ""),
    (["n-0", "n-1"], "home", SLOW_S, ""),
    # Its epoch ends the pause of the source, which has to be asked again.
    (["n-0"], "home", 0.0, "tracked#0"),
    (["n-0"], "home", SLOW_S, "tracked#0"),
]


@pytest.mark.parametrize(
    ("leaving", "sinks", "seconds", "victim"),
    [(["n-0"], "home", 0.0, ""), *(pytest.param(*case, marks=in_full) for case in CASES)],
)
def test_a_camera_loses_no_frame(
    leaving: list[str], sinks: str, seconds: float, victim: str, tmp_path: Path, keys: Path, camera: MjpegServer
) -> None:
    with begun(tmp_path, keys, seconds, sinks) as cluster:
        for name in leaving:
            leaves(cluster, name)
        if victim:
            cluster.running.worker(victim).kill()
        assert [cluster.agents[name].process.wait(60) for name in leaving] == [0] * len(leaving)
        for name in leaving:
            cluster.agents[name] = cluster.agent(int(name[-1]))
        goes_on(cluster)
        finished = stopped(cluster)
    assert_none_is_lost(cluster, finished)
    assert all(f"{name} may leave; 0 frames are not settled yet" in finished.stderr for name in leaving)


@in_full
def test_one_that_is_killed_while_it_leaves_has_a_successor_that_stays(
    tmp_path: Path, keys: Path, camera: MjpegServer
) -> None:
    with begun(tmp_path, keys, SLOW_S) as cluster:
        leaves(cluster, "n-0")
        cluster.agents["n-0"].kill()
        cluster.agents["n-0"] = cluster.agent(0)
        goes_on(cluster)
        finished = stopped(cluster)
        wait_until(lambda: cluster.agents["n-0"].said().count("the run is over") == 1, "its end")
    assert "may leave" not in finished.stderr
    assert finished.summary is not None
    frames = finished.summary.frames
    assert frames.written + sum(frames.failed.values()) == frames.admitted


@in_full
def test_a_run_that_is_told_to_stop_meanwhile_loses_nothing(tmp_path: Path, keys: Path, camera: MjpegServer) -> None:
    with begun(tmp_path, keys, SLOW_S) as cluster:
        leaves(cluster, "n-0")
        finished = stopped(cluster)
    assert_none_is_lost(cluster, finished)
    assert "may leave" not in finished.stderr


@in_full
def test_a_camera_beside_one_that_has_to_wait_goes_on(tmp_path: Path, keys: Path, camera: MjpegServer) -> None:
    with cluster_of(tmp_path, keys, PIPELINES / "cameras_fused.yaml") as cluster:
        wait_until(lambda: min(written(cluster), written(cluster, "hall.jsonl")) >= 20, "twenty frames of each")
        leaves(cluster, "n-1")
        assert cluster.agents["n-1"].process.wait(30) == 0
        paused = written(cluster)
        so_far = written(cluster, "hall.jsonl")
        wait_until(lambda: written(cluster, "hall.jsonl") >= so_far + 25, "a second of the other")
        assert written(cluster) == paused
        cluster.agents["n-1"] = cluster.agent(1)
        goes_on(cluster)
        finished = stopped(cluster)
    assert finished.summary is not None
    assert not finished.summary.frames.failed
