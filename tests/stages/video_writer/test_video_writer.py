import hashlib
from collections.abc import Sequence
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import WINDOW, StageRunner
from framewire.stages.video_writer import VideoWriter
from framewire.stages.video_writer.fragment_encoder import Layout
from framewire.stages.video_writer.opencv_encoder import OpenCVFragment
from framewire.stages.video_writer.video_file_writer import fit, timescale_for
from tests.videos import picture

FRAMES = 19


def write(out: Path, packets: Sequence[Packet], runner: StageRunner) -> list[int]:
    marks = [runner.write(packet) for packet in packets]
    runner.end(packets[-1])
    return marks


def packets_of(runner: StageRunner, frames: int = FRAMES, width: int = 160, height: int = 120) -> list[Packet]:
    return [runner.packet(picture(number, width, height)) for number in range(frames)]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(frame.time, 6) for frame in container.decode(video=0)]


def pictures(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


def one_by_one(out: Path, options: dict[str, object], frames: int = FRAMES) -> list[int]:
    """Write frames as an engine would: a picture is given only while its frame is unsettled."""
    marks = []
    with StageRunner(VideoWriter, options, out) as runner:
        for number in range(frames):
            packet = runner.packet(picture(number, 160, 120))
            marks.append(runner.write(packet))
        runner.end(packet)
    return marks


def go_on(out: Path, options: dict[str, object], mark: int) -> None:
    """Write the frames from the mark on, in place of a dead writer."""
    with StageRunner(VideoWriter, options, out, resumed=True) as runner:
        runner.stage.resume("stream", mark)  # type: ignore[attr-defined]
        for number in range(mark, FRAMES):
            packet = runner.packet(picture(number, 160, 120), number)
            runner.write(packet)
        runner.end(packet)


def test_it_settles_by_half_windows_and_keeps_times(tmp_path: Path) -> None:
    marks = one_by_one(tmp_path, {"path": "a.mp4"})
    half = WINDOW // 2
    assert marks == [(seq + 1) // half * half for seq in range(FRAMES)]
    assert times(tmp_path / "a.mp4") == [round(0.04 * number, 6) for number in range(FRAMES)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_pictures_are_those_that_were_given(tmp_path: Path) -> None:
    one_by_one(tmp_path, {"path": "a.mp4", "crf": 4})
    with av.open(str(tmp_path / "a.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            got = frame.to_ndarray(format="bgr24").astype(int)
            # 4:2:0 halves the colour resolution: only grey is kept.
            assert abs(got.mean(axis=2) - picture(number, 160, 120).mean(axis=2)).mean() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_containers(suffix: str, tmp_path: Path) -> None:
    one_by_one(tmp_path, {"path": f"a{suffix}"})
    assert len(pictures(tmp_path / f"a{suffix}")) == FRAMES


def test_failed_frames_are_left_out_and_the_rest_keeps_its_times(tmp_path: Path) -> None:
    with StageRunner(VideoWriter, {"path": "a.mp4"}, tmp_path) as runner:
        for number in range(12):
            packet = runner.packet(picture(number, 160, 120))
            runner.write(packet.fail("Error", "x") if number in (0, 5, 6) else packet)
        runner.end(packet)
    assert times(tmp_path / "a.mp4") == [round(0.04 * n, 6) for n in range(12) if n not in (0, 5, 6)]


def test_no_picture_at_all_is_no_file_and_no_loss_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("of an earlier run")
    with StageRunner(VideoWriter, {"path": "a.mp4"}, tmp_path) as runner:
        packet = runner.packet(picture(0, 160, 120)).fail("Error", "x")
        runner.write(packet)
        runner.end(packet)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "of an earlier run"


@pytest.mark.parametrize("options", [{"path": "a.mp4"}, {"path": "a.avi", "backend": "opencv"}])
@pytest.mark.parametrize("died_after", [1, 4, 7, 12, FRAMES])
def test_a_writer_that_follows_a_dead_one_makes_the_same_file(
    options: dict[str, object], died_after: int, tmp_path: Path
) -> None:
    one_by_one(tmp_path / "whole", options)
    out, name = tmp_path / "torn", str(options["path"])
    dead = StageRunner(VideoWriter, options, out)
    dead.stage.open()
    mark = 0
    for number in range(died_after):
        mark = dead.write(dead.packet(picture(number, 160, 120)))
    with (out / f".{name}.part").open("ab") as journal:
        journal.write(b"torn")
    go_on(out, options, mark)
    assert pictures(out / name) == pictures(tmp_path / "whole" / name)
    assert times(out / name) == times(tmp_path / "whole" / name)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("paused_after", [1, 3, 4, 6, 7])
def test_what_is_made_safe_early_survives_a_crash_and_the_film_is_whole(
    paused_after: int, suffix: str, tmp_path: Path
) -> None:
    options: dict[str, object] = {"path": f"a{suffix}", "backend": "opencv" if suffix == ".avi" else "pyav"}
    dead = StageRunner(VideoWriter, options, tmp_path)
    dead.stage.open()
    for number in range(paused_after):
        packet = dead.packet(picture(number, 160, 120))
        dead.write(packet)
    mark = dead.stage.settle(packet)  # type: ignore[attr-defined]
    assert mark == paused_after
    assert dead.stage.settle(packet) == mark  # type: ignore[attr-defined]
    go_on(tmp_path, options, mark)
    assert times(tmp_path / f"a{suffix}") == [round(0.04 * number, 6) for number in range(FRAMES)]


def test_a_file_whose_stream_never_ended_is_made_whole(tmp_path: Path) -> None:
    with StageRunner(VideoWriter, {"path": "a.mp4"}, tmp_path) as runner:
        for number in range(10):
            runner.write(runner.packet(picture(number, 160, 120)))
    assert len(pictures(tmp_path / "a.mp4")) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("pts", "shown"),
    [
        ([-80, -40, 0, 40], [0, 40, 80, 120]),
        # The film begins when its first frame does.
        ([1000, 1040, 1080, 1120], [0, 40, 80, 120]),
        # Time that stands still or runs backwards advances by the minimum, 1/16000 s.
        ([0, 40, 40, 20], [0, 40, 40.0625, 40.125]),
    ],
)
def test_odd_time_stamps(pts: list[int], shown: list[float], tmp_path: Path) -> None:
    with StageRunner(VideoWriter, {"path": "a.mkv"}, tmp_path) as runner:
        for number, time in enumerate(pts):
            packet = msgspec.structs.replace(runner.packet(picture(number, 160, 120)), pts=time)
            runner.write(packet)
        runner.end(packet)
        with av.open(str(tmp_path / ".a.mkv.part"), format="mov") as journal:
            got = [1000 * frame.time for frame in journal.decode(video=0)]
    assert got == pytest.approx(shown, abs=1e-3)


def test_two_streams_need_two_files(tmp_path: Path) -> None:
    with StageRunner(VideoWriter, {"path": "{stream}.mp4"}, tmp_path) as runner:
        for stream in ("left", "right"):
            packet = runner.packet(picture(0, 160, 120), 0, stream)
            runner.write(packet)
            runner.end(packet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.mp4", "right.mp4"]
    with StageRunner(VideoWriter, {"path": "both.mp4"}, tmp_path) as runner:
        runner.write(runner.packet(picture(0, 160, 120), 0, "left"))
        with pytest.raises(StageError, match=r"put \{stream\} into `path`"):
            runner.write(runner.packet(picture(0, 160, 120), 0, "right"))


@pytest.mark.parametrize(
    ("path", "message"),
    [("noname", "has no suffix"), ("a.nothing", "cannot write a .nothing file"), ("a.gif", "cannot write a .gif file")],
)
def test_a_container_that_cannot_be_is_said_before_the_first_frame(path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=message), StageRunner(VideoWriter, {"path": path}, tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_frames_that_opencv_swallows_are_missed(tmp_path: Path) -> None:
    fragment = OpenCVFragment(Layout(160, 120, 12800, (25, 1)), "MJPG", tmp_path / "a.avi")
    fragment.add(picture(0, 160, 120), 0)
    # Another size than the file's: OpenCV drops it silently.
    fragment.add(picture(1, 80, 60), 512)
    with pytest.raises(StageError, match="OpenCV wrote 1 of 2 frames as MJPG"):
        fragment.finish()
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_another_size_are_fitted_whole() -> None:
    wide = np.full((50, 200, 3), 200, np.uint8)
    fitted = fit(wide, 100, 100)
    assert fitted.shape == (100, 100, 3)
    assert (fitted[40:60, 10:90] == 200).all()
    assert (fitted[:30] == 0).all()
    assert fit(wide, 200, 50) is wide


def test_every_time_stamp_is_whole_in_the_timescale() -> None:
    assert timescale_for((1, 25)) % 25 == 0
    assert timescale_for((1, 25)) >= 10_000
    assert timescale_for((1001, 30_000)) == 30_000
    assert timescale_for((1, 10**12)) == 90_000


ROTATION: dict[str, object] = {"path": "{stream}/{part}.mp4", "rotate_s": 0.3}


def test_a_new_file_now_and_then_each_from_time_zero(tmp_path: Path) -> None:
    one_by_one(tmp_path, ROTATION, 20)
    # 0.3 s is 7.5 frames: the next fragment of four begins at frame 8.
    films = sorted((tmp_path / "stream").iterdir())
    assert [film.name for film in films] == ["0.mp4", "1.mp4", "2.mp4"]
    assert [len(pictures(film)) for film in films] == [8, 8, 4]
    for film in films:
        assert times(film)[0] == 0
        assert times(film)[1] == 0.04
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stream"]


def test_the_oldest_files_go(tmp_path: Path) -> None:
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream" / "holiday.mp4").touch()
    one_by_one(tmp_path, {**ROTATION, "keep_files": 1}, 20)
    assert sorted(film.name for film in (tmp_path / "stream").iterdir()) == ["2.mp4", "holiday.mp4"]


@pytest.mark.parametrize("mark", [4, 8, 12, 16])
def test_after_a_crash_files_go_on_at_the_mark(mark: int, tmp_path: Path) -> None:
    one_by_one(tmp_path / "whole", ROTATION, 20)
    crashed = StageRunner(VideoWriter, ROTATION, tmp_path / "cut")
    crashed.stage.open()
    for number in range(18):
        # Only frames below the mark are known to be settled everywhere.
        packet = msgspec.structs.replace(crashed.packet(picture(number, 160, 120)), mark=min(mark, number))
        crashed.write(packet)
    with StageRunner(VideoWriter, ROTATION, tmp_path / "cut", resumed=True) as runner:
        runner.stage.resume("stream", mark)  # type: ignore[attr-defined]
        for number in range(mark, 20):
            packet = runner.packet(picture(number, 160, 120), number)
            runner.write(packet)
        runner.end(packet)
    for film in sorted((tmp_path / "whole" / "stream").iterdir()):
        assert pictures(tmp_path / "cut" / "stream" / film.name) == pictures(film), film.name
    assert len(list((tmp_path / "cut" / "stream").iterdir())) == 3


def test_a_size_that_h264_does_not_take_is_reported_with_the_cure(tmp_path: Path) -> None:
    with StageRunner(VideoWriter, {"path": "wide.mp4"}, tmp_path) as runner:
        packet = runner.packet(np.zeros((16, 17_000, 3), np.uint8))
        with pytest.raises(StageError, match=r"H.264 cannot hold pictures of 17000x16 .*; make them smaller, or"):
            for _ in range(WINDOW):
                runner.write(packet)
                packet = runner.packet(np.zeros((16, 17_000, 3), np.uint8))
