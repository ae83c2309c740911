"""No secret of an address is shown, wherever in it people put one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.privacy.address import is_ambiguous, shown, without_secrets

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("rtsp://admin:hunter2@10.0.0.7:554/h264?channel=1", "rtsp://***@10.0.0.7:554/h264?channel=***"),
        ("rtsp://admin:hun@ter2@host/x", "rtsp://***@host/x"),
        ("rtsp://admin:hun/ter2@host/x", "rtsp://***"),
        ("rtsp://admin:hun#ter2@host/x", "rtsp://***"),
        ("rtsp://admin:hun?ter2@host/x", "rtsp://***"),
        ("rtsp://admin:hun:ter2@host/x", "rtsp://***@host/x"),
        ("http://host/video?token=hunter2&user=me", "http://host/video?token=***&user=***"),
        ("http://host/video?user=me;pwd=hunter2", "http://host/video?user=***;pwd=***"),
        ("http://host/video?hunter2", "http://host/video?***"),
        ("http://host/video#hunter2", "http://host/video"),
        ("rtsp://10.0.0.7/user=admin_password=hunter2_channel=1.sdp", "rtsp://10.0.0.7/user=***"),
        ("rtsp://10.0.0.7/live;pwd=hunter2", "rtsp://10.0.0.7/live;pwd=***"),
        ("http://host/cam/PASSWORD=hunter2/1", "http://host/cam/PASSWORD=***"),
        ("rtsp://host/plain", "rtsp://host/plain"),
        ("rtsp://[fe80::1]:554/plain", "rtsp://[fe80::1]:554/plain"),
        ("film.mp4", "film.mp4"),
    ],
)
def test_secrets_are_not_shown(source: str, text: str) -> None:
    assert shown(source) == text
    assert without_secrets(f"cannot open {source}: no answer") == f"cannot open {text}: no answer"


@given(st.text("abc:/?#@&;=%", max_size=12), st.text("abc/?#@&;=", max_size=8))
def test_a_password_of_any_letters_is_not_shown(before: str, after: str) -> None:
    for source in (f"rtsp://admin:{before}{SECRET}{after}@host/x", f"http://host/v?{before}={SECRET}"):
        assert SECRET not in shown(source)
        assert SECRET not in without_secrets(f"it is {source}.")


def test_what_may_be_a_path_is_no_worse_than_hidden() -> None:
    assert is_ambiguous("https://host/@somebody/live.m3u8")
    assert not is_ambiguous("https://me:it@host/live.m3u8")
    assert not is_ambiguous("/films/a@b.mp4")
