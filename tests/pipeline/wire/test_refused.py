"""A message that is refused: what it was is told, and the frame in it is not awaited."""

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Detection, Outcome, Packet
from framewire.pipeline.wire.message import Ask, Deliver, RefusedError, Settle, decode_for_worker, encode
from framewire.pipeline.wire.refused import REFUSED, TOLD_MAX, Refusals, delivery_in, what_it_is

PACKET = Packet(source="film", stream="film", seq=7, window=32, mark=3, width=640, height=480, captured=5.0)


def refused(**fields: object) -> bytes:
    """A delivery of ours that no receiver takes."""
    raw = encode(Deliver(2, ("faces", "list"), 0, 1, msgspec.structs.replace(PACKET, **fields)))
    with pytest.raises(RefusedError):
        decode_for_worker(raw)
    return raw


@pytest.mark.parametrize(
    "fields",
    [
        {"detections": (Detection(label=5, box=(1, 2, 3, 4)),)},  # type: ignore[arg-type]
        {"reason": 3},
        {"width": -1},
        {"rate": (1, 0)},
        {"outcome": 9},
    ],
    ids=str,
)
def test_its_frame_has_failed(fields: dict[str, object]) -> None:
    raw = refused(**fields)
    left = delivery_in(raw)
    assert left is not None
    assert (left.epoch, left.edge, left.sender, left.incarnation) == (2, ("faces", "list"), 0, 1)
    packet = left.packet
    assert (packet.stream, packet.seq, packet.window, packet.mark, packet.end) == ("film", 7, 32, 3, False)
    assert (packet.outcome, packet.reason, packet.stage) == (Outcome.FAILED, REFUSED, "faces")
    assert decode_for_worker(encode(left)) == left
    assert what_it_is(raw) == "Deliver from faces to list with frame 7 of film"


def test_the_end_of_a_stream_stays_the_end() -> None:
    left = delivery_in(refused(end=True, reason=3))
    assert left is not None
    assert left.packet.end


@pytest.mark.parametrize("fields", [{"seq": -1}, {"window": 0}, {"stream": 4}], ids=str)
def test_nothing_is_made_of_what_names_no_frame(fields: dict[str, object]) -> None:
    assert delivery_in(refused(**fields)) is None


@given(st.binary(max_size=200))
def test_rubbish_is_rubbish(raw: bytes) -> None:
    assert what_it_is(raw)
    left = delivery_in(raw)
    assert left is None or decode_for_worker(encode(left)) == left


def test_who_is_named_is_told() -> None:
    assert what_it_is(b"\xc1") == "1 bytes of no known kind"
    assert what_it_is(encode(Ask(("faces", "list"), 0, 1, 2))) == "Ask faces list"
    assert what_it_is(encode(Settle("list", 0, "film", 5, [], {}, False))) == "Settle list film"


def test_the_first_few_are_logged_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("list#0")
    with caplog.at_level(logging.ERROR, "framewire"):
        for _ in range(TOLD_MAX + 5):
            refusals.take(refused(reason=3), "Expected `str`, got `int`")
    assert refusals.count == TOLD_MAX + 5
    assert len(caplog.messages) == TOLD_MAX
    assert caplog.messages[0] == (
        "list#0 has refused a message, Deliver from faces to list with frame 7 of film: Expected `str`, got `int`"
    )
