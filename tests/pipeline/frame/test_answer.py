"""What a stage returns is a valid message, or an error that names the field; no third way."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.pipeline.frame.answer import InvalidAnswerError, plain_answer
from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet
from framewire.pipeline.wire.message import Deliver, decode_for_worker, encode

SENT = Packet(source="s", stream="s", seq=3, window=8, mark=2, width=64, height=48, captured=1.0)
FACE = Detection(label="face", box=(1.0, 2.0, 3.0, 4.0), id="a.0")


def received(packet: Packet) -> Packet:
    """After the way to the next stage."""
    message = decode_for_worker(encode(Deliver(1, ("a", "b"), 0, 0, packet)))
    assert isinstance(message, Deliver)
    return message.packet


def with_face(**fields: Any) -> Packet:
    return SENT.plus([msgspec.structs.replace(FACE, **fields)])


anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]), min_size=1)
    | st.binary()
    | st.integers(-9, 9).map(np.int64)
    | st.floats(-9, 9).map(np.float32)
    | st.integers(0, 9).map(np.array)
    | st.lists(st.floats(-9, 9), max_size=5).map(np.array)
    | st.just(Attribute("calm", 0.5))
    | st.just(FACE)
    | st.just(Event("in")),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)
DETECTION_FIELDS = [field.name for field in msgspec.structs.fields(Detection)]
PACKET_FIELDS = [field.name for field in msgspec.structs.fields(Packet) if field.name not in ("stream", "seq")]


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(st.sampled_from(DETECTION_FIELDS), anything, max_size=3), anything, st.booleans())
def test_a_detection_is_valid_or_an_error(fields: dict[str, Any], other: Any, has_other: bool) -> None:
    answer = with_face(**fields)
    if has_other:
        answer = msgspec.structs.replace(answer, detections=[*answer.detections, other])
    try:
        plain = plain_answer(SENT, answer)
    except InvalidAnswerError as error:
        assert str(error).startswith("detections")
        return
    assert received(plain) == plain
    for one in plain.detections:
        assert all(math.isfinite(number) for number in (*one.box, one.score or 0.0))


@settings(deadline=None, max_examples=400)
@given(st.dictionaries(st.sampled_from(PACKET_FIELDS), anything, min_size=1, max_size=2))
def test_a_packet_is_valid_or_an_error(fields: dict[str, Any]) -> None:
    try:
        plain = plain_answer(SENT, msgspec.structs.replace(SENT, **fields))
    except InvalidAnswerError as error:
        assert str(error).split("[")[0].split(" ")[0].rstrip(":") in fields
        return
    assert received(plain) == plain
    assert (plain.source, plain.window, plain.mark, plain.end, plain.captured) == ("s", 8, 2, False, 1.0)


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"score": np.float32(0.5)}, {"score": 0.5}),
        ({"box": np.array([1, 2, 3, 4])}, {"box": (1, 2, 3, 4)}),
        ({"box": [np.int32(1), 2, 3.5, np.float64(4)]}, {"box": (1, 2, 3.5, 4.0)}),
        ({"landmarks": np.array([[1.0, 2.0], [3.0, 4.0]])}, {"landmarks": ((1.0, 2.0), (3.0, 4.0))}),
        ({"track": np.int64(7)}, {"track": 7}),
        ({"label": np.str_("face")}, {"label": "face"}),
        (
            {"attributes": {np.str_("mood"): Attribute(np.str_("calm"), np.float32(0.25), np.int8(3))}},  # type: ignore[arg-type]
            {"attributes": {"mood": Attribute("calm", 0.25, 3)}},
        ),
    ],
)
def test_numpys_numbers_are_taken_as_numbers(fields: dict[str, Any], taken: dict[str, Any]) -> None:
    (face,) = received(plain_answer(SENT, with_face(**fields))).detections
    assert face == msgspec.structs.replace(FACE, **taken)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"label": 5}, "detections[0].label must be text, not int"),
        ({"label": "a\ud800"}, "detections[0].label must be text, and has a lone surrogate"),
        ({"score": "0.5"}, "detections[0].score must be a number, not str"),
        ({"score": math.nan}, "detections[0].score must be a finite number, not nan"),
        ({"score": np.float32("inf")}, "detections[0].score must be a finite number, not inf"),
        ({"score": True}, "detections[0].score must be a number, not bool"),
        ({"box": (1, 2, 3)}, "detections[0].box must be four numbers (x, y, width, height), not 3 values"),
        ({"box": None}, "detections[0].box must be four numbers (x, y, width, height), not None"),
        ({"box": (1, 2, 3, math.inf)}, "detections[0].box[3] must be a finite number, not inf"),
        ({"landmarks": ((1, 2, 3),)}, "detections[0].landmarks[0] must be a point (x, y), not 3 values"),
        ({"landmarks": 5}, "detections[0].landmarks must be points (x, y), not int"),
        ({"track": 1.5}, "detections[0].track must be a whole number, not float"),
        ({"track": 2**70}, "detections[0].track is too large for a whole number"),
        ({"attributes": {"mood": "calm"}}, "detections[0].attributes['mood'] must be an Attribute, not str"),
        ({"attributes": [("mood", "calm")]}, "detections[0].attributes must be a dict of Attribute, not list"),
    ],
)
def test_what_cannot_be_taken_is_named(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidAnswerError) as told:
        plain_answer(SENT, with_face(**fields))
    assert str(told.value) == why


def test_what_was_in_the_packet_already_is_not_looked_at_again() -> None:
    before = with_face()
    after = before.plus([FACE])
    assert plain_answer(before, after) is after
    assert plain_answer(before, before) is before
