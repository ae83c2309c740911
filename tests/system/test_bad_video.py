"""Broken or unusual videos: a clear error or a complete run, never a hang, never a traceback."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Finished, run
from tests.videos import packet_places, picture, spoil, write_sound, write_video

COPY = PIPELINES / "copy.yaml"


def copy(source: Path | str, out: Path) -> Finished:
    finished = run(COPY, out, "--source", str(source))
    assert "Traceback" not in finished.stderr + finished.stdout
    return finished


def assert_refused(finished: Finished, *words: str) -> None:
    assert finished.code == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("error: capture: ")
    for word in words:
        assert word in last


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "copy.jsonl").read_text().splitlines()]


def size_and_count(path: Path) -> tuple[int, int, int]:
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
        codec = container.streams.video[0].codec_context
        return codec.width, codec.height, count


def pictures_in(folder: Path, count: int, width: int = 64, height: int = 48) -> Path:
    """A folder with p0.png, p1.png, ..."""
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"p{number}.png"), picture(number, width, height))
    return folder


def test_missing(tmp_path: Path) -> None:
    assert_refused(copy(tmp_path / "nothing.mp4", tmp_path / "out"), "no such file: ", "nothing.mp4")


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert_refused(copy(path, tmp_path / "out"), "empty.mp4", "it is empty")


def test_text_named_mp4(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("This is a letter, not a video.\n" * 50)
    assert_refused(copy(path, tmp_path / "out"), "text.mp4", "is not a readable video")


def test_sound_alone(tmp_path: Path) -> None:
    assert_refused(copy(write_sound(tmp_path / "sound.mp4"), tmp_path / "out"), "has no video", "audio")


def test_cut_so_that_nothing_can_be_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(copy(path, tmp_path / "out"), "cut.mp4", "is not a readable video")


def test_cut_in_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4", container_options={"movflags": "faststart"})
    places = packet_places(path)
    path.write_bytes(path.read_bytes()[: places[15][0]])
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0
    assert finished.summary is not None
    assert finished.summary.frames.admitted == 15
    assert finished.summary.frames.written == 15
    assert "15 of 30 frames" in finished.stderr


def test_corrupt_packet(tmp_path: Path) -> None:
    path = write_video(tmp_path / "corrupt.mp4", options={"g": "10", "bf": "0"})
    position, size = packet_places(path)[15]
    spoil(path, position, size)
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.admitted == 30
    bad = sum(finished.summary.frames.failed.values()) + finished.summary.streams["capture"].damaged
    assert bad >= 1
    assert [line["seq"] for line in lines(tmp_path / "out")] == list(range(30))


@pytest.mark.parametrize(("width", "height"), [(641, 359), (1, 1), (3, 2)])
def test_odd_sizes(width: int, height: int, tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "pictures", 5, width, height)
    finished = copy(folder, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert lines(tmp_path / "out")[0]["width"] == width
    # H.264 with 4:2:0 colour has only even sizes: a line or a column is doubled.
    assert size_and_count(tmp_path / "out" / "copy.mp4") == (width + width % 2, height + height % 2, 5)


def test_odd_size_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "odd.mp4", 10, 641, 359, pix_fmt="yuv444p")
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert (lines(tmp_path / "out")[0]["width"], lines(tmp_path / "out")[0]["height"]) == (641, 359)


@in_full
def test_8k(tmp_path: Path) -> None:
    path = write_video(tmp_path / "8k.mp4", 3, 7680, 4320, options={"preset": "ultrafast"})
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert size_and_count(tmp_path / "out" / "copy.mp4") == (7680, 4320, 3)


def test_grey(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grey.mkv", 10, codec="ffv1", pix_fmt="gray")
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert size_and_count(tmp_path / "out" / "copy.mp4") == (160, 120, 10)


def test_size_changes_half_way(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.h264", 10, 160, 120)
    second = write_video(tmp_path / "b.h264", 10, 320, 200)
    path = tmp_path / "both.h264"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    widths = [line["width"] for line in lines(tmp_path / "out")]
    assert widths == [160] * 10 + [320] * 10
    assert size_and_count(tmp_path / "out" / "copy.mp4") == (160, 120, 20)


def test_no_time_stamps(tmp_path: Path) -> None:
    finished = copy(write_video(tmp_path / "bare.h264", 10), tmp_path / "out")
    assert finished.code == 0, finished.stderr
    times = [float(str(line["pts"])) for line in lines(tmp_path / "out")]
    assert np.allclose(np.diff(times), 1 / 25, atol=1e-3)


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 40, 80, 500, 510, 530, 1000, 1100, 1101, 2000]
    path = write_video(tmp_path / "variable.mp4", len(times), times=times, options={"bf": "0"})
    finished = copy(path, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert [round(float(str(line["pts"])) * 1000) for line in lines(tmp_path / "out")] == times
    with av.open(str(tmp_path / "out" / "copy.mp4")) as container:
        assert [round(frame.time * 1000) for frame in container.decode(video=0)] == times


def test_unreadable_picture_among_good_ones(tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "pictures", 12)
    (folder / "p7.png").write_text("not a picture")
    finished = copy(folder, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"capture:unreadable": 1}
    assert finished.summary.frames.written == 11
    # Natural order: p7 is the eighth.
    assert [line["seq"] for line in lines(tmp_path / "out") if line["outcome"] == "failed"] == [7]


def test_too_many_unreadable_pictures_fail_the_run(tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "pictures", 4)
    (folder / "p5.png").write_text("not a picture")
    finished = copy(folder, tmp_path / "out")
    assert finished.code == 1
    assert "1 of 5 frames failed" in finished.stderr
    assert "max_failed" in finished.stderr
    assert size_and_count(tmp_path / "out" / "copy.mp4")[2] == 4


def test_a_codec_that_opencv_does_not_have(tmp_path: Path) -> None:
    finished = run(
        COPY, tmp_path, *("--set", "video.backend=opencv", "--set", "video.fourcc=QQQQ", "--set", "capture.limit=5")
    )
    assert finished.code == 1
    assert "OpenCV cannot write QQQQ" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not list(tmp_path.glob(".copy.fragment*"))


@pytest.mark.parametrize(("fourcc", "name"), [("MJPG", "copy.avi"), ("mp4v", "copy.mp4")])
def test_opencv_codecs(fourcc: str, name: str, tmp_path: Path) -> None:
    finished = run(
        COPY,
        tmp_path,
        *("--set", "video.backend=opencv", "--set", f"video.fourcc={fourcc}", "--set", f"video.path={name}"),
        *("--set", "capture.limit=40"),
    )
    assert finished.code == 0, finished.stderr
    reader = cv2.VideoCapture(str(tmp_path / name))
    count = 0
    while reader.read()[0]:
        count += 1
    assert count == 40
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.01)
