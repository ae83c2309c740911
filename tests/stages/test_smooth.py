"""A track's attributes stay, and do not flicker."""

import pytest

from framewire.pipeline.frame.packet import Attribute, Detection, Packet
from framewire.pipeline.testing import StageRunner
from framewire.stages.smooth import Smooth


def bare(seq: int, track: int | None = 1, stream: str = "s", **attributes: Attribute) -> Packet:
    face = Detection(label="face", box=(0, 0, 9, 9), id="faces.0", track=track, attributes=attributes)
    return Packet(source="s", stream=stream, seq=seq, window=32).plus([face])


def told(runner: StageRunner, packet: Packet) -> dict[str, Attribute]:
    return runner.process(packet).detections[0].attributes


def test_one_odd_answer_changes_nothing() -> None:
    with StageRunner(Smooth) as runner:
        for seq in range(6):
            told(runner, bare(seq, mood=Attribute("happy", 0.8)))
        assert told(runner, bare(6, mood=Attribute("sad", 0.9)))["mood"].label == "happy"
        labels = [told(runner, bare(seq, mood=Attribute("sad", 0.9)))["mood"].label for seq in range(7, 16)]
    assert labels[-1] == "sad"
    assert labels == sorted(labels)


def test_frames_in_which_nobody_looked_get_what_is_known() -> None:
    with StageRunner(Smooth) as runner:
        told(runner, bare(0, mood=Attribute("happy", 0.8)))
        assert told(runner, bare(1)) == {"mood": Attribute("happy", 1.0)}


def test_numbers_are_a_mean_that_moves() -> None:
    with StageRunner(Smooth, {"memory": 0.5}) as runner:
        assert told(runner, bare(0, age=Attribute("(25-32)", value=30)))["age"] == Attribute("(25-32)", value=30)
        # 40 counts 1, 30 counts a half.
        assert told(runner, bare(1, age=Attribute("(38-43)", value=40)))["age"].value == pytest.approx(36.7)
        for seq in range(2, 12):
            last = told(runner, bare(seq, age=Attribute("(38-43)", value=40)))["age"]
    assert last.label == "(38-43)"
    assert last.value == pytest.approx(40, abs=0.1)


def test_tracks_and_streams_do_not_mix_and_what_has_no_track_passes() -> None:
    with StageRunner(Smooth) as runner:
        told(runner, bare(0, 1, mood=Attribute("happy", 0.8)))
        assert told(runner, bare(1, 2)) == {}
        assert told(runner, bare(1, 1, "other")) == {}
        assert told(runner, bare(2, None)) == {}
        assert told(runner, bare(3, None, mood=Attribute("sad", 0.4))) == {"mood": Attribute("sad", 0.4)}


def test_a_track_that_is_gone_is_forgotten() -> None:
    with StageRunner(Smooth, {"gap": 5}) as runner:
        told(runner, bare(0, 1, mood=Attribute("happy", 0.8)))
        for seq in range(1, 8):
            told(runner, bare(seq, 2))
        assert told(runner, bare(8, 1)) == {}


def test_who_takes_over_goes_on_as_if_nothing_had_happened() -> None:
    packets = [bare(seq, 1 + seq % 2, mood=Attribute("ab"[seq % 3 == 0], 0.1 * (seq % 7))) for seq in range(30)]
    with StageRunner(Smooth) as whole:
        expected = [whole.process(packet) for packet in packets]
    with StageRunner(Smooth) as first:
        answers = [first.process(packet) for packet in packets[:13]]
        kept = first.stage.memory("s")
    with StageRunner(Smooth) as second:
        second.stage.remember("s", kept)
        answers += [second.process(packet) for packet in packets[13:]]
    assert answers == expected
