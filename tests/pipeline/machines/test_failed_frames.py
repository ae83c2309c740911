"""Failed frames come home whole, as the run's own; what an agent says of them is not taken on trust."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from framewire.pipeline.agent.failed_frames import FailedFrames as FarFrames
from framewire.pipeline.frame.failed_frame import FailedFrame, SavedPicture, load, write
from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.line.said import (
    FRAME_BYTES_MAX,
    FRAMES_WAITING_MAX,
    FileAsked,
    FileRefused,
    FrameDone,
    FrameOffered,
)
from framewire.pipeline.machines import failed_frames
from framewire.pipeline.machines.failed_frames import FailedFrames
from framewire.pipeline.wire.message import Remark

PIPELINE = """
engine: agents
machines: {n: {count: 2}}
stages:
  capture: {source: demo}
  eyes: {use: eye_detect, input: capture, cascade: mine.xml, on: n-0}
  MORE
  lines: {use: jsonl_writer, input: LAST, path: lines.jsonl}
"""
PICTURE = SavedPicture(40, 64, 3, b"\7" * 40 * 64 * 3)


def spec_of(folder: Path, more: str = "", last: str = "eyes") -> PipelineSpec:
    (folder / "mine.xml").write_text("<cascade/>")
    text = PIPELINE.replace("MORE", more).replace("LAST", last)
    return load_pipeline(folder / "p.yaml", text=text, out=folder / "home")


def frame(seq: int = 21, **changes: object) -> FailedFrame:
    packet = Packet(source="capture", stream="capture", seq=seq, window=8)
    far = FailedFrame("eyes", "theirs:Stage", {"cascade": "/far/mine.xml"}, "/far", packet, {"frame": PICTURE})
    return msgspec.structs.replace(far, **changes)


def saved(folder: Path, one: FailedFrame) -> Remark:
    path = write(folder / "far", one)
    return Remark("eyes#0", 30, "eyes", f"frame {one.packet.seq} of capture saved to {path}", str(path))


class Ends:
    """An agent's end and the run's, and a line between them that is in no hurry."""

    def __init__(self, folder: Path, spec: PipelineSpec, machine: str = "n-0") -> None:
        self.far = FarFrames(folder / "far")
        self.home = FailedFrames(spec, machine, folder / "home")
        self.done = 0

    def offer(self, remark: Remark) -> list[FileAsked | FrameDone]:
        offer = self.far.offer(remark)
        assert offer is not None
        return list(self.home.offered(offer, 0.0))

    def talk(self, said: Iterable[FileAsked | FrameDone]) -> None:
        waiting = list(said)
        while waiting:
            message = waiting.pop(0)
            if isinstance(message, FrameDone):
                self.done += 1
                self.far.done(message.sha256)
            else:
                waiting += self.home.took(self.far.answer(message), 0.0)


def at_home(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "home" / "failed").glob("*"))


def test_it_comes_home_as_a_frame_of_this_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path))
    ends.talk(ends.offer(saved(tmp_path, frame())))
    assert at_home(tmp_path) == ["eyes-capture-000021.frame"]
    path = tmp_path / "home" / "failed" / "eyes-capture-000021.frame"
    kept = load(path)
    assert (kept.use, kept.folder, kept.options["cascade"]) == ("eye_detect", str(tmp_path), str(tmp_path / "mine.xml"))
    assert (kept.packet, kept.pictures) == (frame().packet, {"frame": PICTURE})
    assert f"eyes: frame 21 of capture saved to {path}" in caplog.text
    assert (ends.done, ends.home.is_busy) == (1, False)
    assert [one for one in (tmp_path / "home" / ".framewire").rglob("*") if one.is_file()] == []


def test_several_wait_for_each_other(tmp_path: Path) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path))
    first = ends.offer(saved(tmp_path, frame(1)))
    assert ends.offer(saved(tmp_path, frame(2))) == []
    assert ends.offer(saved(tmp_path, frame(2))) == []
    ends.talk(first)
    assert at_home(tmp_path) == ["eyes-capture-000001.frame", "eyes-capture-000002.frame"]


def test_where_parts_are_hidden_no_pixel_is_kept(tmp_path: Path) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path, "hidden: {use: blur, input: eyes}", "hidden"))
    ends.talk(ends.offer(saved(tmp_path, frame())))
    assert load(tmp_path / "home" / "failed" / "eyes-capture-000021.frame").pictures == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "lines"},
        {"stage": "../eyes"},
        {"packet": Packet(source="capture", stream="/../../up", seq=1, window=8)},
        {"packet": Packet(source="capture", stream="a\0b", seq=1, window=8)},
        {"packet": Packet(source="capture", stream="s" * 300, seq=1, window=8)},
        {"pictures": {"frame": SavedPicture(40, 64, 3, b"short")}},
        {"pictures": {"frame": SavedPicture(-1, -1, 3, b"abc")}},
    ],
)
def test_what_is_no_frame_of_that_stage_is_not_kept(
    wrong: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "far" / "failed" / "x.frame"
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.msgpack.encode(msgspec.structs.replace(frame(), **wrong)))
    ends = Ends(tmp_path, spec_of(tmp_path))
    ends.talk(ends.offer(Remark("eyes#0", 30, "eyes", "saved to x.frame", str(path))))
    assert (at_home(tmp_path), ends.done) == ([], 1)
    assert "eyes: saved to x.frame, on n-0 (" in caplog.text
    assert sorted(one.name for one in tmp_path.iterdir()) == ["far", "home", "mine.xml"]


@pytest.mark.parametrize("raw", [b"no frame", b"\x91" * 5000])
def test_what_is_no_frame_at_all(raw: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "far" / "failed" / "x.frame"
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    ends = Ends(tmp_path, spec_of(tmp_path))
    ends.talk(ends.offer(Remark("eyes#0", 30, "eyes", "saved", str(path))))
    assert at_home(tmp_path) == []
    assert "is not a frame saved by a run" in caplog.text


def test_a_stage_of_another_machine_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path), "n-1")
    ends.talk(ends.offer(saved(tmp_path, frame())))
    assert (at_home(tmp_path), ends.done) == ([], 1)
    assert "on n-1 (no stage 'eyes' runs there)" in caplog.text


def test_what_waits_stays_there_if_the_agent_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path))
    (ask,) = ends.offer(saved(tmp_path, frame()))
    assert isinstance(ask, FileAsked)
    ends.home.lost("its agent is gone")
    assert "frame 21 of capture saved to" in caplog.text
    assert "on n-0 (its agent is gone)" in caplog.text
    assert not ends.home.is_busy
    assert list(ends.home.took(ends.far.answer(ask), 0.0)) == []
    assert (tmp_path / "far" / "failed" / "eyes-capture-000021.frame").exists()


def test_a_frame_that_is_gone_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends(tmp_path, spec_of(tmp_path))
    asks = ends.offer(saved(tmp_path, frame(1)))
    ends.offer(saved(tmp_path, frame(2)))
    (tmp_path / "far" / "failed" / "eyes-capture-000001.frame").unlink()
    ends.talk(asks)
    assert at_home(tmp_path) == ["eyes-capture-000002.frame"]
    assert "cannot be read any more" in caplog.text


def test_not_too_many_wait(tmp_path: Path) -> None:
    far = FarFrames(tmp_path / "far")
    offers = [far.offer(saved(tmp_path, frame(seq))) for seq in range(FRAMES_WAITING_MAX + 1)]
    assert [offer is None for offer in offers] == [False] * FRAMES_WAITING_MAX + [True]
    assert offers[0] is not None
    far.done(offers[0].sha256)
    assert far.offer(saved(tmp_path, frame(99))) is not None
    home = FailedFrames(spec_of(tmp_path), "n-0", tmp_path / "home")
    said = [
        list(home.offered(FrameOffered("eyes#0", "eyes", "saved", f"{number:064x}", 10), 0.0))
        for number in range(FRAMES_WAITING_MAX + 1)
    ]
    assert isinstance(said[-1][0], FrameDone)


def test_one_machine_may_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_frames, "BYTES_MAX", 2 * len(PICTURE.pixels))
    ends = Ends(tmp_path, spec_of(tmp_path))
    for seq in range(3):
        ends.talk(ends.offer(saved(tmp_path, frame(seq))))
    assert (len(at_home(tmp_path)), ends.done) == (1, 3)


@pytest.mark.parametrize("place", ["../elsewhere.frame", "other/failed/x.frame", "/etc/passwd", ""])
def test_an_agent_offers_nothing_but_failed_frames(place: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.frame").write_bytes(b"secret")
    remark = Remark("eyes#0", 30, "eyes", "saved", str(tmp_path / "far" / place) if place else "")
    far = FarFrames(tmp_path / "far")
    assert far.offer(remark) is None
    assert isinstance(far.answer(FileAsked("a" * 64, 0, 1)), FileRefused)


def test_one_that_is_too_large_stays(tmp_path: Path) -> None:
    path = tmp_path / "far" / "failed" / "x.frame"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(FRAME_BYTES_MAX + 1)
    assert FarFrames(tmp_path / "far").offer(Remark("eyes#0", 30, "eyes", "saved", str(path))) is None


def test_a_packet_of_it_points_to_no_memory(tmp_path: Path) -> None:
    ref = PictureRef(1, 1, 0, 0, 0, 0, 40, 64, 3)
    packet = msgspec.structs.replace(frame().packet, pictures={"frame": ref})
    ends = Ends(tmp_path, spec_of(tmp_path))
    ends.talk(ends.offer(saved(tmp_path, frame(packet=packet))))
    assert at_home(tmp_path) == []
