"""Films as people have them: each frame once, at its time, upright; what is odd is told once."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.stream import VideoStream

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.excerpt import Excerpt
from framewire.stages.capture.inputs.film.video_file import VideoFile
from tests.videos import packet_places, picture, spoil, write_sound, write_video


class Played:
    """All of a film."""

    def __init__(self, path: Path, *, excerpt: Excerpt | None = None, **asked: Any) -> None:
        self.said: dict[str, str] = {}
        film = VideoFile(path, 1, excerpt, said=self.said, **asked)
        self.expected = film.facts.expected
        self.pictures: list[Pixels] = []
        self.shots = list(film.shots(0, self._slot))

    def _slot(self, height: int, width: int) -> Pixels:
        self.pictures.append(np.empty((height, width, 3), np.uint8))
        return self.pictures[-1]

    @property
    def times(self) -> list[float]:
        """In seconds."""
        return [round(float(shot.pts * Fraction(*shot.time_base)), 6) for shot in self.shots]

    @property
    def failed(self) -> list[int]:
        return [number for number, shot in enumerate(self.shots) if shot.failed]


def every(seconds: float, count: int, first: float = 0.0) -> list[float]:
    return [round(first + seconds * number, 6) for number in range(count)]


def film(path: Path, **settings: Any) -> Path:
    return write_video(path, **{"frames": 40, "width": 64, "height": 48, **settings})


B_FRAMES = {"bf": "3", "g": "12"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.avi", {"options": B_FRAMES}),
        ("a.avi", {"codec": "mpeg4", "options": {"bf": "2", "g": "12"}}),
        ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
        ("a.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "100k"}}),
        ("a.webm", {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "100k"}}),
        ("a.mp4", {"options": B_FRAMES}),
        ("a.mkv", {"options": B_FRAMES}),
        ("a.ts", {"options": B_FRAMES}),
        ("a.flv", {"options": B_FRAMES}),
        ("a.h264", {"options": B_FRAMES}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("codec", "h264"),
)
def test_intact_films_are_whole_and_begin_at_zero(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    played = Played(film(tmp_path / name, **settings))
    assert played.failed == []
    assert played.times == pytest.approx(every(0.04, 40), abs=0.0011)
    assert len(played.pictures) == 40


def test_mpeg_begins_at_zero(tmp_path: Path) -> None:
    """Its clock begins half a second late, and its encoder knows no milliseconds."""
    path = tmp_path / "a.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"bf": "2"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, 64, 48), "bgr24")))
        container.mux(stream.encode(None))
    played = Played(path)
    assert played.failed == []
    assert played.times == pytest.approx(every(0.04, 40), abs=1e-4)


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A film whose display matrix turns pixels (p, q) to (a p + c q, b p + d q)."""
    a, b, c, d = (value * 0x10000 for value in matrix)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"qp": "0"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 0x40000000])
        for number in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, 64, 48), "bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "matrix", [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]
)
def test_it_stands_upright(matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    a, b, c, d = matrix
    original = picture(0, 64, 48)
    height, width = (48, 64) if a else (64, 48)
    wanted = np.empty((height, width, 3), np.uint8)
    for q in range(48):
        for p in range(64):
            x, y = a * p + c * q, b * p + d * q
            # Negative places count from the other edge.
            wanted[y if b + d > 0 else y + height - 1, x if a + c > 0 else x + width - 1] = original[q, p]
    played = Played(turned(tmp_path / "a.mp4", matrix))
    assert np.array_equal(played.pictures[0], wanted)


def test_joined_recordings_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = film(tmp_path / "one.ts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() + one.read_bytes())
    with caplog.at_level(logging.WARNING, "framewire"):
        played = Played(joined)
        assert played.failed == []
        assert played.times == pytest.approx(every(0.04, 80), abs=1e-4)
    assert [message for message in caplog.messages if "jumps" in message] == [
        f"{joined} jumps after 1.6 s, as in joined recordings: times go on from there"
    ]
    assert Played(joined, excerpt=Excerpt(start_s=1.0, duration_s=1.0)).times == pytest.approx(
        every(0.04, 25, 1.0), abs=1e-4
    )
    assert Played(joined, excerpt=Excerpt(loops=2)).times == pytest.approx(every(0.04, 160), abs=1e-4)


def test_a_clock_that_begins_late_is_a_fact(tmp_path: Path) -> None:
    played = Played(film(tmp_path / "a.ts", times=[36_000_000 + 40 * number for number in range(40)]))
    assert played.times == pytest.approx(every(0.04, 40), abs=1e-4)
    assert played.said["clock"].startswith("begins at 360")


def test_what_comes_before_the_first_key_frame_is_no_failure(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.ts", frames=60, options={"g": "20", "keyint_min": "20", "sc_threshold": "0", "bf": "0"})
    with av.open(str(whole)) as container:
        places = [(packet.pos, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    (_, second, _) = (place for place, is_key in places if is_key)
    begins = next(place for place, _ in places if place and place > (places[0][0] or 0))
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[begins // 188 * 188 :])
    played = Played(cut)
    assert second
    assert played.failed == []
    assert len(played.shots) == 40
    assert played.times == pytest.approx(every(0.04, 40), abs=1e-4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.avi"])
def test_a_packet_that_cannot_be_decoded_is_a_failed_frame_in_its_place(name: str, tmp_path: Path) -> None:
    path = film(tmp_path / name, codec="mjpeg", pix_fmt="yuvj420p")
    position, size = packet_places(path)[7]
    spoil(path, position + 2, size - 2)
    played = Played(path)
    assert played.failed == [7]
    assert played.times == pytest.approx(every(0.04, 40), abs=0.0011)


def videos(path: Path, sizes: list[tuple[int, int]], codecs: list[str], flags: list[Disposition]) -> Path:
    """A file with several videos."""
    with av.open(str(path), "w") as container:
        streams = []
        for (width, height), codec, flag in zip(sizes, codecs, flags, strict=True):
            stream = container.add_stream(codec, rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = flag
            streams.append(stream)
        for stream in streams:
            for number in range(1 if stream.codec_context.name == "mjpeg" else 5):
                frame = av.VideoFrame.from_ndarray(picture(number, stream.width, stream.height), "bgr24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


NONE, DEFAULT = Disposition(0), Disposition.default


@pytest.mark.parametrize(
    ("sizes", "codecs", "flags", "asked", "width"),
    [
        ([(300, 300), (160, 120)], ["mjpeg", "libx264"], [NONE, NONE], -1, 160),
        ([(300, 300), (160, 120)], ["mjpeg", "libx264"], [DEFAULT, NONE], -1, 160),
        ([(64, 48), (160, 120)], ["libx264", "libx264"], [NONE, NONE], -1, 160),
        ([(64, 48), (160, 120)], ["libx264", "libx264"], [DEFAULT, NONE], -1, 64),
        ([(64, 48), (160, 120)], ["libx264", "libx264"], [DEFAULT, DEFAULT], -1, 160),
        ([(64, 48), (160, 120)], ["libx264", "libx264"], [NONE, NONE], 0, 64),
        ([(300, 300), (160, 120)], ["mjpeg", "libx264"], [NONE, NONE], 0, 300),
        ([(300, 200)], ["mjpeg"], [NONE], -1, 300),
    ],
)
def test_the_film_among_several_videos(
    sizes: list[tuple[int, int]], codecs: list[str], flags: list[Disposition], asked: int, width: int, tmp_path: Path
) -> None:
    played = Played(videos(tmp_path / "a.mkv", sizes, codecs, flags), video=asked)
    assert {picture.shape[1] for picture in played.pictures} == {width}
    is_a_choice = asked < 0 and codecs.count("libx264") > 1
    assert ("and `video: N` chooses another" in played.said.get("video", "")) == is_a_choice


def test_no_such_video(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"a\.mp4 has no video 1, only 1 video"):
        Played(film(tmp_path / "a.mp4"), video=1)
    with pytest.raises(StageError, match=r"a\.m4a has no video, only audio"):
        Played(write_sound(tmp_path / "a.m4a"))


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(0, 64, 48), "bgr24")))
        container.mux(stream.encode(None))
    played = Played(path)
    assert [shot.pixel_aspect for shot in played.shots] == [(16, 11)]
    assert played.said["pixels"] == "are 16:11, not square"


@pytest.mark.parametrize(("number", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_told(number: int, name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.color_trc = number
        for count in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(count, 64, 48), "bgr24")))
        container.mux(stream.encode(None))
    assert Played(path).said["HDR"].startswith(f"is HDR ({name}) and is not tone-mapped")


@pytest.fixture
def combed(tmp_path: Path) -> Iterator[Path]:
    """A film of fields: a white block that jumps between them."""
    path = tmp_path / "fields.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "top": "1"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            pixels = np.zeros((48, 64, 3), np.uint8)
            pixels[0::2, 2 * number : 2 * number + 16] = 255
            pixels[1::2, 2 * number + 16 : 2 * number + 32] = 255
            frame = av.VideoFrame.from_ndarray(pixels, "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    yield path


def combs(pictures: list[Pixels]) -> float:
    """How much rows differ from their neighbours."""
    return float(np.mean([np.abs(np.diff(one.astype(np.int16), axis=0)).mean() for one in pictures]))


def test_fields_are_told_or_made_whole(combed: Path) -> None:
    as_it_is, whole = Played(combed), Played(combed, deinterlaces=True)
    assert "set `deinterlace: true`" in as_it_is.said["fields"]
    assert "fields" not in whole.said
    assert whole.times == as_it_is.times == pytest.approx(every(0.04, 12), abs=1e-3)
    assert combs(whole.pictures) < 0.75 * combs(as_it_is.pictures)


@pytest.mark.parametrize("name", ["2024-01-01T10:00:00.mp4", "subfile,,x.mp4", "a b%20c#d?e.mp4", "http:x.mp4"])
def test_a_name_is_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "plain.mp4").rename(tmp_path / name)
    assert len(Played(Path(name)).shots) == 40


def test_a_later_start_gives_the_same_pictures(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", options=B_FRAMES)
    whole = Played(path)
    again: list[Pixels] = []

    def slot(height: int, width: int) -> Pixels:
        again.append(np.empty((height, width, 3), np.uint8))
        return again[-1]

    shots: list[Shot] = list(VideoFile(path, 1).shots(17, slot))
    assert shots == whole.shots[17:]
    assert all(np.array_equal(one, other) for one, other in zip(again, whole.pictures[17:], strict=True))


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_an_avi_promises_its_frames_not_its_packets(codec: str, tmp_path: Path) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    film = VideoFile(write_video(tmp_path / "film.avi", 60, codec=codec, pix_fmt=pix_fmt), 1)
    assert film.facts.expected == 60
    found = list(film.shots(0, lambda height, width: np.empty((height, width, 3), np.uint8)))
    assert len(found) == 60
    assert {shot.rate for shot in found} == {(25, 1)}


@pytest.mark.parametrize("name", ["film.mkv", "film.webm"])
def test_a_copy_that_broke_off_is_told_where_no_frames_are_counted(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_video(tmp_path / name, 150, codec="libvpx-vp9" if name == "film.webm" else "libx264")
    whole = VideoFile(film, 1, log=logging.getLogger("film"))
    assert len(list(whole.shots(0, lambda height, width: np.empty((height, width, 3), np.uint8)))) == 150
    assert not caplog.messages
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    cut = VideoFile(film, 1, log=logging.getLogger("film"))
    left = len(list(cut.shots(0, lambda height, width: np.empty((height, width, 3), np.uint8))))
    assert 0 < left < 150
    assert [text for text in caplog.messages if "ended early, after" in text and "of 6.0 s" in text]
