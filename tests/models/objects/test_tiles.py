"""Tiles cover a picture; what they cut is put together again; and they find what one look misses."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.box import overlap
from framewire.models.objects.detector import Detector, Reading, Wanted
from framewire.models.objects.heads.suppression import Candidates
from framewire.models.objects.load_detector import load_detector
from framewire.models.objects.tiles import Tile, Tiling, merged, tiles_of
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from tests.system.running import SHARED

TILINGS = st.builds(Tiling, st.integers(1, 5), st.integers(1, 5), st.floats(0, 0.5))


@given(TILINGS, st.integers(1, 3000), st.integers(1, 3000))
def test_tiles_cover_every_pixel_and_are_alike(tiling: Tiling, width: int, height: int) -> None:
    whole, *tiles = tiles_of((height, width, 3), tiling)
    assert whole == Tile(0, 0, width, height)
    assert len(tiles) == (tiling.across * tiling.down if tiling.across * tiling.down > 1 else 0)
    if tiles:
        seen_x, seen_y = np.zeros(width, bool), np.zeros(height, bool)
        for tile in tiles:
            seen_x[tile.left : tile.right] = True
            seen_y[tile.top : tile.bottom] = True
        assert seen_x.all()
        assert seen_y.all()
        assert len({(tile.right - tile.left, tile.bottom - tile.top) for tile in tiles}) == 1


def seen_by(tile: Tile, boxes: list[tuple[int, int, int, int]]) -> Candidates:
    """What a perfect detector sees in a tile: each box as far as it is inside, if a quarter of it is."""
    corners = []
    for left, top, right, bottom in boxes:
        inside = (max(left, tile.left), max(top, tile.top), min(right, tile.right), min(bottom, tile.bottom))
        width, height = inside[2] - inside[0], inside[3] - inside[1]
        if width > 0 and height > 0 and width * height > 0.25 * (right - left) * (bottom - top):
            corners.append(inside)
    scores = np.linspace(0.9, 0.5, len(corners)) if corners else np.empty(0)
    return Candidates(
        np.array(corners, np.float32).reshape(-1, 4), scores.astype(np.float32), np.zeros(len(corners), np.int64)
    )


BOX = st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(20, 95), st.integers(30, 195))


@given(st.lists(BOX, max_size=12, unique_by=lambda box: box[:2]))
def test_what_tiles_cut_is_put_together(places: list[tuple[int, int, int, int]]) -> None:
    # One box in each field of 100 x 200 pixels, so that no two touch; the whole look sees none of them.
    boxes = [(x * 100, y * 200, x * 100 + width, y * 200 + height) for x, y, width, height in places]
    whole, *tiles = tiles_of((1000, 800, 3), Tiling(2, 2, 0.2))
    nothing = seen_by(whole, [])
    found = merged([nothing, *(seen_by(tile, boxes) for tile in tiles)], [whole, *tiles], 0.5)
    got = sorted(tuple(map(int, corners)) for corners in found.corners.tolist())
    assert got == sorted(boxes)


def test_what_the_whole_look_shows_is_not_there_twice() -> None:
    boxes = [(100, 100, 700, 900)]
    tiles = tiles_of((1000, 800, 3), Tiling(3, 3, 0.1))
    found = merged([seen_by(tile, boxes) for tile in tiles], tiles, 0.5)
    assert found.corners.tolist() == [[100, 100, 700, 900]]


def test_they_find_small_people_whom_one_look_misses() -> None:
    film = SHARED / "videos" / "classroom.mp4"
    if not film.exists():
        pytest.skip("../shared is not here")
    frame = np.asarray(cv2.VideoCapture(str(film)).read()[1], np.uint8)
    large = np.full((1080, 1920, 3), 90, np.uint8)
    # Half of it beyond the seam of four tiles.
    large[450:630, 800:1120] = cv2.resize(frame, (320, 180), interpolation=cv2.INTER_AREA)
    one_look, tiled = (people_finder(Tiling(across, across)) for across in (1, 4))
    near = [one.box for one in one_look.find([frame])[0]]
    assert len(near) == 4
    people = [(800 + x * 2 / 3, 450 + y * 2 / 3, width * 2 / 3, height * 2 / 3) for x, y, width, height in near]
    assert not one_look.find([large])[0]
    found = [one.box for one in tiled.find([large])[0]]
    assert all(sum(overlap(person, one) > 0.5 for one in found) == 1 for person in people)


def people_finder(tiling: Tiling) -> Detector:
    path = str(SHARED / "models" / "yolox_nano.onnx")
    wanted = Wanted(0.4, 0.5, ("person",))
    return load_detector(path, Reading(), wanted, tiling, ModelStore(Path("nowhere")), Execution("cpu"))
