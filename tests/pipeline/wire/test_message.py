import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Attribute, Detection, Outcome, Packet, PictureRef
from framewire.pipeline.wire.message import (
    Ask,
    Deliver,
    Ready,
    RefusedError,
    Settle,
    decode_for_supervisor,
    decode_for_worker,
    encode,
)

small = st.integers(0, 2**40)
numbers = st.floats(allow_nan=False, width=32)
words = st.text(max_size=12)
detections = st.builds(
    Detection,
    label=words,
    box=st.tuples(numbers, numbers, numbers, numbers),
    id=words,
    score=st.none() | numbers,
    parent=st.none() | words,
    landmarks=st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple),
    attributes=st.dictionaries(words, st.builds(Attribute, words, st.none() | numbers), max_size=3),
    track=st.none() | small,
)
refs = st.builds(PictureRef, *[small] * 1, st.integers(1, 2**22), *[small] * 6, st.integers(1, 4), small)
packets = st.builds(
    Packet,
    source=words,
    stream=words,
    seq=small,
    window=st.integers(1, 1024),
    mark=small,
    pts=st.integers(-(2**40), 2**40),
    time_base=st.tuples(st.integers(1, 10**6), st.integers(1, 10**9)),
    rate=st.none() | st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    captured=numbers,
    width=small,
    height=small,
    pictures=st.dictionaries(words, refs, max_size=2),
    detections=st.lists(detections, max_size=4).map(tuple),
    outcome=st.sampled_from(Outcome),
    reason=words,
    stage=words,
    end=st.booleans(),
)


@given(packets)
def test_a_packet_comes_through_whole(packet: Packet) -> None:
    message = Deliver(3, ("a", "b"), 1, 2, packet)
    assert decode_for_worker(encode(message)) == message


@given(st.binary(max_size=400))
def test_rubbish_is_refused_and_nothing_else_happens(raw: bytes) -> None:
    for decode in (decode_for_worker, decode_for_supervisor):
        try:
            decode(raw)
        except RefusedError:
            continue


@given(packets, st.data())
def test_a_torn_packet_is_refused(packet: Packet, data: st.DataObject) -> None:
    raw = encode(Deliver(3, ("a", "b"), 1, 2, packet))
    with pytest.raises(RefusedError):
        decode_for_worker(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize("raw", [b"\x91" * 100_000, msgspec.msgpack.encode({"a": 1}), b"\xc1"])
def test_depth_and_other_types_are_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError):
        decode_for_worker(raw)


@pytest.mark.parametrize("change", [{"seq": -1}, {"window": 0}, {"time_base": (1, 0)}, {"rate": (0, 1)}])
def test_packets_out_of_range_are_refused(change: dict[str, object]) -> None:
    packet = msgspec.structs.replace(Packet(source="s", stream="s", seq=0, window=4), **change)
    with pytest.raises(RefusedError):
        decode_for_worker(encode(Deliver(0, ("a", "b"), 0, 0, packet)))


def test_nobody_can_ask_for_the_world_or_send_us_elsewhere() -> None:
    with pytest.raises(RefusedError):
        decode_for_worker(encode(Ask(("a", "b"), 0, 0, 10**9)))
    with pytest.raises(RefusedError):
        decode_for_supervisor(encode(Ready("a#0", 0, 1, "tcp://192.0.2.1:80", 3)))


def test_what_is_for_the_supervisor_is_not_for_a_worker() -> None:
    raw = encode(Settle("sink", 0, "s", 1, [], {}, False))
    assert isinstance(decode_for_supervisor(raw), Settle)
    with pytest.raises(RefusedError):
        decode_for_worker(raw)
