"""Whatever a connection loses, doubles or delays, each message is taken once, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.line.numbered import AGAIN_S, KEPT_BYTES_MAX, OWED_MAX, LineEnd, LineFullError, decode_frame

MESSAGES = [bytes([number]) for number in range(20)]


@given(st.lists(st.sampled_from(["send", "arrive", "lose", "double", "answer", "lose answer", "wait"]), max_size=200))
def test_each_message_is_taken_once_in_order(what_happens: list[str]) -> None:
    ours, theirs = LineEnd(), LineEnd()
    due, on_its_way, taken, now = list(MESSAGES), [], [], 0.0
    for happens in [*what_happens, *["send", "arrive"] * 20, *["answer", "wait", *["arrive"] * 40] * 3]:
        if happens == "send" and due:
            on_its_way.append(ours.send(due.pop(0), now))
        elif happens in ("arrive", "double") and on_its_way:
            raw = on_its_way[0] if happens == "double" else on_its_way.pop(0)
            payload = theirs.take(decode_frame(raw), now)
            if payload is not None:
                taken.append(payload)
        elif happens == "lose" and on_its_way:
            on_its_way.pop(0)
        elif happens == "answer":
            ours.take(decode_frame(theirs.loose(b"here")), now)
        elif happens == "lose answer":
            theirs.loose(b"here")
        elif happens == "wait":
            now += AGAIN_S
            on_its_way += ours.again(now)
    assert taken == MESSAGES


def test_a_silent_end_is_not_flooded() -> None:
    ours, theirs = LineEnd(), LineEnd()
    ours.send(b"a", 0.0)
    assert ours.again(10.0) == []
    ours.take(decode_frame(theirs.loose(b"")), 10.0)
    assert len(ours.again(10.0)) == 1
    assert ours.again(20.0) == []


def test_what_is_acknowledged_is_not_sent_again() -> None:
    ours, theirs = LineEnd(), LineEnd()
    theirs.take(decode_frame(ours.send(b"a", 0.0)), 0.0)
    lost = ours.send(b"b", 0.0)
    ours.take(decode_frame(theirs.loose(b"")), 0.1)
    assert ours.again(10.0) == [lost]


def test_an_end_that_takes_nothing_is_given_up() -> None:
    ours = LineEnd()
    ours.send(bytes(KEPT_BYTES_MAX), 0.0)
    with pytest.raises(LineFullError):
        ours.send(b"a", 0.0)


def test_much_that_was_taken_must_be_acknowledged() -> None:
    ours, theirs = LineEnd(), LineEnd()
    for _ in range(OWED_MAX):
        assert not theirs.owes
        theirs.take(decode_frame(ours.send(b"a", 0.0)), 0.0)
    assert theirs.owes
    ours.take(decode_frame(theirs.loose(b"")), 0.0)
    assert not theirs.owes
