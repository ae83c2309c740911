"""What a source says of a picture is plain, or an error that names the field."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.answer import InvalidAnswerError
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.nodes.plain_shot import PlainShots, plain_shot

SHOT = Shot(4, (1, 25), (25, 1), damaged=True, replaced=2, cut=True)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.integers(-9, 9).map(np.int64),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=4,
)


@pytest.mark.parametrize("shot", [SHOT, Shot(0, (1, 1000)), Shot(-5, (1, 25), failed="corrupt")])
def test_what_is_plain_stays_as_it_is(shot: Shot) -> None:
    assert plain_shot(shot) == shot


def test_numpys_numbers_are_taken() -> None:
    shot = Shot(
        np.int64(4),  # type: ignore[arg-type]
        [np.int32(1), 25],  # type: ignore[arg-type]
        np.array([25, 1]),  # type: ignore[arg-type]
        damaged=np.bool_(True),  # type: ignore[arg-type]
        replaced=np.int8(2),  # type: ignore[arg-type]
        cut=1,  # type: ignore[arg-type]
    )
    assert plain_shot(shot) == SHOT


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"pts": 0.5}, "pts must be a whole number, not float"),
        ({"pts": 2**70}, "pts is too large"),
        ({"time_base": (0, 25)}, r"time_base\[0\] must be 1 or more, not 0"),
        ({"rate": 25}, "rate must be two whole numbers, not int"),
        ({"failed": ValueError("no")}, "failed must be text, not ValueError"),
        ({"damaged": "yes"}, "damaged must be true or false, not str"),
        ({"replaced": -1}, "replaced must be 0 or more, not -1"),
        ({"cut": None}, "cut must be true or false, not None"),
    ],
    ids=str,
)
def test_what_is_none_is_named(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidAnswerError, match=why):
        plain_shot(msgspec.structs.replace(SHOT, **fields))


@given(st.lists(st.dictionaries(st.sampled_from(Shot.__struct_fields__), st.sampled_from([0, 1, 1.0, True, None, ""]))))
def test_a_source_whose_shots_are_alike_is_looked_at_less_but_no_worse(many: list[dict[str, Any]]) -> None:
    shots = PlainShots()
    for fields in many:
        shot = msgspec.structs.replace(SHOT, **fields)
        try:
            wanted = plain_shot(shot)
        except InvalidAnswerError:
            with pytest.raises(InvalidAnswerError):
                shots.take(shot)
            continue
        taken = shots.take(shot)
        assert taken == wanted
        assert msgspec.msgpack.encode(taken) == msgspec.msgpack.encode(wanted)


@given(st.dictionaries(st.sampled_from(Shot.__struct_fields__), anything))
def test_it_can_be_sent_or_is_an_error(fields: dict[str, Any]) -> None:
    try:
        plain = plain_shot(msgspec.structs.replace(SHOT, **fields))
    except InvalidAnswerError:
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=Shot) == plain
