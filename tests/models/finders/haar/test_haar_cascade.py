"""Our loop and OpenCV's own: the same boxes in the same order, or, with scouts, nearly all of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framewire.models.finders.haar import Box, CascadeError, HaarCascade
from framewire.models.finders.haar.quick_search import Kernel, compiled_soon
from framewire.stages.capture.demo import FRAMES
from tests.stages.faces import demo_frame

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """With more, OpenCV's order varies."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    pytest.importorskip("numba", reason="our own loop needs the extra `fast`")
    soon = compiled_soon()
    assert isinstance(soon.result(timeout=120), Kernel)


@pytest.fixture(scope="module")
def frames() -> list[Grey]:
    """Eight pictures of the demo, with real faces."""
    numbers = range(0, FRAMES, FRAMES // 8)
    return [np.asarray(cv2.cvtColor(demo_frame(number), cv2.COLOR_BGR2GRAY), np.uint8) for number in numbers]


def opencv(name: str, grey: Grey, *asked: float) -> list[Box]:
    """What a user's own loop gets."""
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")
    scale_factor, min_neighbors, smallest, largest = asked
    found = cascade.detectMultiScale(
        grey, scale_factor, int(min_neighbors), 0, (int(smallest),) * 2, (int(largest),) * 2
    )
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h in found]


def ours(name: str, grey: Grey, *asked: float) -> list[Box]:
    cascade = HaarCascade(name)
    assert cascade.quick
    scale_factor, min_neighbors, smallest, largest = asked
    return cascade.detect(grey, scale_factor, int(min_neighbors), int(smallest), int(largest))


@pytest.mark.parametrize("name", ["frontalface_default", "eye", "frontalface_alt", "profileface", "frontalcatface"])
def test_every_window_is_opencvs(frames: list[Grey], name: str) -> None:
    """min_neighbors 0: before windows that agree are merged."""
    total = 0
    for grey in frames:
        expected = opencv(name, grey, 1.2, 0, 0, 0)
        assert ours(name, grey, 1.2, 0, 0, 0) == expected
        total += len(expected)
    assert total > 0


@pytest.mark.parametrize("asked", [(1.1, 3, 0, 0), (1.2, 3, 32, 0), (1.05, 5, 60, 200), (1.7, 1, 0, 90)])
def test_every_box_is_opencvs(frames: list[Grey], asked: tuple[float, ...]) -> None:
    boxes = [opencv("frontalface_default", grey, *asked) for grey in frames]
    assert [ours("frontalface_default", grey, *asked) for grey in frames] == boxes
    assert any(boxes)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 130), st.integers(1, 130), st.integers(0, 2**32 - 1), st.integers(1, 16))
def test_noise_of_any_size_is_searched_alike(width: int, height: int, seed: int, coarse: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (-(-height // coarse), -(-width // coarse)), np.uint8)
    grey = np.ascontiguousarray(noise.repeat(coarse, 0).repeat(coarse, 1)[:height, :width])
    for name in ("eye", "frontalface_default"):
        assert ours(name, grey, 1.1, 0, 0, 0) == opencv(name, grey, 1.1, 0, 0, 0)


def test_windows_at_the_very_edge_are_searched() -> None:
    """A face that fills a picture of the window's own size, and one that touches its right and lower edges."""
    face = np.asarray(cv2.cvtColor(demo_frame(0), cv2.COLOR_BGR2GRAY), np.uint8)
    x, y, width, height = max(opencv("frontalface_default", face, 1.1, 3, 0, 0), key=lambda box: box[2])
    for side in (24, 25, 48, 61):
        for grey in (face[y : y + height, x : x + width], face[: y + height, : x + width]):
            small = np.asarray(cv2.resize(grey, None, fx=side / width, fy=side / height), np.uint8)
            assert ours("frontalface_default", small, 1.05, 0, 0, 0) == opencv(
                "frontalface_default", small, 1.05, 0, 0, 0
            )


def test_a_part_of_a_picture_is_searched_as_it_lies(frames: list[Grey]) -> None:
    part = frames[0][50:400, 33:600]
    assert not part.flags.c_contiguous
    assert ours("eye", part, 1.1, 0, 0, 0) == opencv("eye", part, 1.1, 0, 0, 0)


def test_scouts_find_the_same_faces_and_no_other_windows(frames: list[Grey]) -> None:
    cascade = HaarCascade("frontalface_default")
    every = [set(cascade.detect(grey, 1.1, 0)) for grey in frames]
    scouted = [cascade.detect(grey, 1.1, 0, search="scouts") for grey in frames]
    assert all(set(found) <= all_ and len(set(found)) == len(found) for found, all_ in zip(scouted, every, strict=True))
    assert 0.97 * sum(map(len, every)) < sum(map(len, scouted)) < sum(map(len, every))
    faces = [cascade.detect(grey, 1.1, 3, 32) for grey in frames]
    assert [len(cascade.detect(grey, 1.1, 3, 32, search="scouts")) for grey in frames] == list(map(len, faces))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_scouts_add_nothing_in_noise(width: int, height: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    cascade = HaarCascade("eye")
    assert set(cascade.detect(grey, 1.1, 0, search="scouts")) <= set(cascade.detect(grey, 1.1, 0))


def test_a_cascade_of_trees_is_left_to_opencv(frames: list[Grey]) -> None:
    cascade = HaarCascade("frontalface_alt2")
    assert not cascade.quick
    assert cascade.detect(frames[0], 1.2, 3, 32, search="scouts") == opencv(
        "frontalface_alt2", frames[0], 1.2, 3, 32, 0
    )


def test_it_is_compiled_where_no_lock_can_be_made(tmp_path: Path) -> None:
    """A user without a cache folder: several processes may then compile the same, none waits."""
    (tmp_path / "file").touch()
    code = "from framewire.models.finders.haar.quick_search import compiled_soon; print(compiled_soon().result())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Kernel(search_scale=")


def test_an_unknown_cascade_names_those_there_are() -> None:
    with pytest.raises(CascadeError, match="frontalface_default"):
        HaarCascade("nose")
