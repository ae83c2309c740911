import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.capture import Capture
from framewire.stages.capture.inputs.pictures.image_files import natural_order
from tests.videos import picture, spoil, write_video


def shots(source: Path | str, start: int = 0, **options: object) -> Iterator[tuple[Shot, Pixels | None]]:
    with StageRunner(Capture, {"source": str(source), **options}) as runner:
        yield from runner.shots(start)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "good.mp4", 30)


def test_pictures_are_those_of_opencv_to_the_bit(video: Path) -> None:
    reader = cv2.VideoCapture(str(video))
    count = 0
    for shot, pixels in shots(video):
        ok, expected = reader.read()
        assert ok
        assert pixels is not None
        assert (pixels == expected).all()
        assert shot.pts * shot.time_base[0] / shot.time_base[1] == pytest.approx(count * 0.04)
        count += 1
    assert count == 30
    assert not reader.read()[0]


@pytest.mark.parametrize("start", [0, 1, 13, 29, 30])
def test_a_capture_that_starts_again_makes_the_same_frames(video: Path, start: int) -> None:
    whole = list(shots(video))
    again = list(shots(video, start))
    assert [shot.pts for shot, _ in again] == [shot.pts for shot, _ in whole[start:]]
    for (_, one), (_, two) in zip(again, whole[start:], strict=True):
        assert one is not None
        assert two is not None
        assert (one == two).all()


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "options"),
    [("libx264", "yuv420p", {"bf": "0"}), ("libx264", "yuv420p", {"bf": "3"}), ("png", "rgb24", {})],
)
def test_frames_that_cannot_be_decoded_are_counted_in_their_place(
    codec: str, pix_fmt: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = write_video(tmp_path / "corrupt.mov", 40, codec=codec, pix_fmt=pix_fmt, options=options)
    with av.open(str(path)) as container:
        coded = [packet for packet in container.demux(video=0) if packet.size and packet.pos]
        whole = sorted(packet.pts for packet in coded if packet.pts is not None)
        spoilt = [coded[place] for place in (10, 11, 25)]
        bad = sorted(whole.index(packet.pts) for packet in spoilt if packet.pts is not None)
        places = [(packet.pos or 0, packet.size) for packet in spoilt]
    for position, size in places:
        spoil(path, position, size)
    got = list(shots(path))
    assert [shot.pts for shot, _ in got] == whole
    assert [number for number, (shot, _) in enumerate(got) if shot.failed == "corrupt"] == bad
    assert all((pixels is None) == bool(shot.failed) for shot, pixels in got)


def test_a_video_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", 3, 64, 48)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_with_rotation(plain.read_bytes()))
    with av.open(str(turned)) as container:
        assert next(container.decode(video=0)).rotation != 0
    reader = cv2.VideoCapture(str(turned))
    for _, pixels in shots(turned):
        assert pixels is not None
        assert pixels.shape == (64, 48, 3)
        assert (pixels == reader.read()[1]).all()


def _with_rotation(movie: bytes) -> bytes:
    """The movie with a quarter turn in its track's matrix (tkhd, ISO/IEC 14496-12, 8.3.2)."""
    at = movie.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    one, none, w = (0x10000).to_bytes(4, "big"), bytes(4), (0x40000000).to_bytes(4, "big")
    minus = (2**32 - 0x10000).to_bytes(4, "big")
    matrix = none + one + none + minus + none + none + none + none + w
    return movie[:at] + matrix + movie[at + 36 :]


def test_the_demo_is_the_same_each_time_and_from_anywhere() -> None:
    whole = [pixels for _, pixels in shots("demo", limit=20)]
    again = [pixels for _, pixels in shots("demo", 15, limit=20)]
    assert len(whole) == 20
    assert len(again) == 5
    for one, two in zip(again, whole[15:], strict=True):
        assert one is not None
        assert two is not None
        assert (one == two).all()
        assert one.shape == (720, 1280, 3)


def test_the_demo_is_three_hundred_frames_that_differ() -> None:
    times = [shot.pts for shot, _ in shots("demo", 290)]
    assert times == list(range(290, 300))


def test_pictures_come_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1):
        cv2.imwrite(str(tmp_path / f"p{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture, and not named like one")
    for source in (tmp_path, tmp_path / "p*.png"):
        got = list(shots(source, rate=10))
        assert [int(pixels[0, 0, 0]) for _, pixels in got if pixels is not None] == [1, 9, 10, 100]
        assert got[1][0].pts * got[1][0].time_base[0] / got[1][0].time_base[1] == pytest.approx(0.1)


def test_one_picture_is_a_stream_of_one(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), picture(3, 33, 21))
    ((shot, pixels),) = shots(path)
    assert shot.failed == ""
    assert pixels is not None
    assert (pixels == picture(3, 33, 21)).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.mp4", "no such file: "),
        ("gopher://somewhere/stream", "gopher is not a supported stream type"),
        ("*.nothing", "no pictures in"),
    ],
)
def test_what_is_not_there_is_said(name: str, message: str) -> None:
    with pytest.raises(StageError, match=message):
        list(shots(name))


def test_a_folder_without_a_single_good_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(StageError, match="none of the 1 files"):
        list(shots(tmp_path))


def test_natural_order_takes_names_of_any_kind() -> None:
    names = [Path(name) for name in ("b2", "a10", "a9", "10", "9", "a")]
    assert [str(path) for path in sorted(names, key=natural_order)] == ["9", "10", "a", "a9", "a10", "b2"]


def times(source: Path, start: int = 0, **options: Any) -> list[float]:
    return [round(shot.pts * shot.time_base[0] / shot.time_base[1], 3) for shot, _ in shots(source, start, **options)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start_s": 1.0}, [1.0, 1.04, 1.08, 1.12, 1.16]),
        ({"duration_s": 0.1}, [0.0, 0.04, 0.08]),
        ({"start_s": 0.4, "duration_s": 0.2, "every": 2}, [0.4, 0.48, 0.56]),
        ({"every": 12}, [0.0, 0.48, 0.96]),
        ({"every": 12, "loops": 2}, [0.0, 0.48, 0.96, 1.0, 1.48, 1.96]),
        ({"start_s": 1.12, "loops": 3}, [1.12, 1.16, 1.2, 1.24, 1.28, 1.32]),
        ({"start_s": 99.0}, []),
    ],
)
def test_parts_of_a_film(options: dict[str, Any], expected: list[float], video: Path) -> None:
    """Thirty frames, 25 a second. When looped, it continues where the last frame taken ended."""
    assert times(video, **options) == expected
    for start in range(len(expected)):
        assert times(video, start, **options) == expected[start:]


def test_for_ever_is_longer_than_the_film(video: Path) -> None:
    film = shots(video, loops=0)
    seen = [shot.pts for shot, _ in (next(film) for _ in range(100))]
    assert seen == sorted(set(seen))
    film.close()  # type: ignore[attr-defined]


def test_at_its_own_pace_a_frame_is_due_at_its_time(video: Path) -> None:
    with StageRunner(Capture, {"source": str(video), "realtime": True}) as runner:
        film = runner.shots()
        assert isinstance(runner.stage, Capture)
        assert runner.stage.ready()
        next(film)
        first = runner.stage.ready_at()
        next(film)
        second = runner.stage.ready_at()
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(0.04)
    with StageRunner(Capture, {"source": str(video)}) as runner:
        next(runner.shots())
        assert isinstance(runner.stage, Capture)
        assert runner.stage.ready()


def test_a_film_that_says_when_it_was_made_gives_each_frame_its_time(video: Path, tmp_path: Path) -> None:
    dated = tmp_path / "dated.mp4"
    with av.open(str(video)) as given, av.open(str(dated), "w") as container:
        container.metadata["creation_time"] = "2026-03-01T12:00:00.000000Z"
        stream = container.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    began = 1_772_366_400_000
    assert [shot.taken_ms for shot, _ in shots(dated)] == [began + 40 * number for number in range(30)]
    assert [shot.taken_ms for shot, _ in shots(dated, 13)] == [began + 40 * number for number in range(13, 30)]
    later = [shot.taken_ms for shot, _ in shots(dated, start_s=0.4)]
    assert later[0] == began + 400
    assert {shot.taken_ms for shot, _ in shots(dated, loops=2)} == {None}
    assert {shot.taken_ms for shot, _ in shots(video)} == {None}


def test_pictures_of_a_folder_say_which_file_they_are(tmp_path: Path) -> None:
    names = ["b 1.png", "größer.png", "z10.png", "z9.png"]
    for name in names:
        cv2.imwrite(str(tmp_path / name), picture(1, 16, 12))
    (tmp_path / "z11.png").write_bytes(b"no picture")
    os.link(tmp_path / "z9.png", os.fsencode(tmp_path) + b"/zz\xff.png")
    found = [(shot.file, shot.failed) for shot, _ in shots(tmp_path)]
    assert found == [
        ("b 1.png", ""),
        ("größer.png", ""),
        ("z9.png", ""),
        ("z10.png", ""),
        ("z11.png", "unreadable"),
        ("zz\ufffd.png", ""),
    ]


def test_a_start_behind_the_end_is_said(video: Path, tmp_path: Path) -> None:
    with StageRunner(Capture, {"source": str(video), "start_s": 100.0}) as runner:
        assert list(runner.shots()) == []
        assert isinstance(runner.stage, Capture)
        assert runner.stage.cut_short == f"{video}: start_s: 100 is past its end (1.2 s)"


def test_what_is_cropped_at_the_left_is_not_shown(tmp_path: Path) -> None:
    plain, cropped = write_video(tmp_path / "plain.h264", 5, 160, 120), tmp_path / "cropped.h264"
    with av.open(str(plain)) as given, av.open(str(cropped), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        crop = av.BitStreamFilterContext(
            "h264_metadata=crop_left=16:crop_right=32:crop_top=8:crop_bottom=16", given.streams.video[0], stream
        )
        for packet in [*given.demux(video=0)]:
            for filtered in crop.filter(packet if packet.size else None):
                filtered.stream = stream
                container.mux(filtered)
    whole = [pixels for _, pixels in shots(plain)]
    for (_, pixels), full in zip(shots(cropped), whole, strict=True):
        assert pixels is not None
        assert full is not None
        assert pixels.shape == (104, 112, 3)
        assert abs(pixels.astype(int) - full[8:112, 16:128].astype(int)).max() <= 2


def test_links_that_lead_nowhere_are_failed_frames(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), picture(1, 16, 12))
    (tmp_path / "2.png").symlink_to("gone.png")
    (tmp_path / "3.png").symlink_to("3.png")
    for source in (tmp_path, tmp_path / "*.png"):
        assert [(shot.file, shot.failed) for shot, _ in shots(source)] == [
            ("1.png", ""),
            ("2.png", "unreadable"),
            ("3.png", "unreadable"),
        ]
