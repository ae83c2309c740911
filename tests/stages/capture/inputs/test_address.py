import pytest

from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.address import address_of, is_live


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("rtsp://camera/1", True),
        ("http://camera/video", True),
        ("0", True),
        ("/dev/video2", True),
        ("people.mp4", False),
        ("demo", False),
        ("frames/*.png", False),
        ("/dev/shm/film.mp4", False),
    ],
)
def test_what_is_live(source: str, live: bool) -> None:
    assert is_live(source) is live


def test_how_ffmpeg_opens_them() -> None:
    rtsp = address_of("rtsp://me:secret@host/1", "udp", 3, {})
    assert (rtsp.name, rtsp.shown) == ("rtsp://me:secret@host/1", "rtsp://***@host/1")
    assert rtsp.options == {"rtsp_transport": "udp", "timeout": "3000000"}
    assert address_of("http://host/v", "tcp", 2.5, {}).options == {"rw_timeout": "2500000"}
    camera = address_of("1", "tcp", 3, {"video_size": "640x480"})
    assert (camera.name, camera.format, camera.options) == ("/dev/video1", "v4l2", {"video_size": "640x480"})
    with pytest.raises(StageError, match=r"gopher://\*\*\*@host/1: gopher is not a supported stream type"):
        address_of("gopher://me:secret@host/1", "tcp", 3, {})
