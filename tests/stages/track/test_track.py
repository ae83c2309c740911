"""Stable track IDs: through crossings, gaps, doubtful detections and frames that were not searched."""

import numpy as np
import pytest

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.testing import StageRunner
from framewire.stages.track import Track
from framewire.stages.track.track import view_of

Runner = StageRunner


def face(x: float, y: float = 100, size: float = 40, score: float | None = 0.9, **fields: object) -> Detection:
    return Detection(label="face", box=(x, y, size, size), score=score, **fields)  # type: ignore[arg-type]


def bare(seq: int, *found: Detection, searched: bool = True, stream: str = "s") -> Packet:
    packet = Packet(source="s", stream=stream, seq=seq, window=32, width=640, height=360).plus(found)
    return packet if searched else packet.without_search("face")


def numbers(packet: Packet) -> list[int | None]:
    return [one.track for one in packet.detections]


def test_two_that_cross_keep_their_numbers() -> None:
    with Runner(Track) as runner:
        seen = [numbers(runner.process(bare(seq, face(8 * seq, 100), face(320 - 8 * seq, 112)))) for seq in range(41)]
    assert seen[0] == [None, None]
    assert all(two == [1, 2] for two in seen[1:])


def test_a_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    with Runner(Track, {"gap": 10}) as runner:
        for seq in range(10):
            runner.process(bare(seq, face(4 * seq)))
        for seq in range(10, 18):
            assert runner.process(bare(seq)).detections == ()
        assert numbers(runner.process(bare(18, face(72)))) == [1]
        for seq in range(19, 31):
            runner.process(bare(seq))
        runner.process(bare(31, face(120)))
        assert numbers(runner.process(bare(32, face(122)))) == [2]


def test_a_doubtful_box_goes_on_with_a_track_but_begins_none() -> None:
    with Runner(Track) as runner:
        for seq in range(5):
            runner.process(bare(seq, face(100)))
        assert numbers(runner.process(bare(5, face(101, score=0.3), face(400, score=0.3)))) == [1, None]
        assert numbers(runner.process(bare(6, face(101), face(400, score=0.3)))) == [1, None]
        assert numbers(runner.process(bare(7, face(101), face(400, score=0.05)))) == [1, None]


def test_what_was_seen_once_gets_no_number() -> None:
    with Runner(Track) as runner:
        assert numbers(runner.process(bare(0, face(100)))) == [None]
        runner.process(bare(1))
        assert numbers(runner.process(bare(2, face(100)))) == [None]
        assert numbers(runner.process(bare(3, face(100)))) == [1]


def test_a_detector_without_scores_is_sure() -> None:
    with Runner(Track) as runner:
        runner.process(bare(0, face(100, score=None)))
        assert numbers(runner.process(bare(1, face(101, score=None)))) == [1]


def test_frames_that_nobody_searched_get_the_tracks_where_they_have_moved() -> None:
    landmarks = ((110.0, 110.0), (130.0, 110.0), (120.0, 120.0), (112.0, 130.0), (128.0, 130.0))
    with Runner(Track) as runner:
        for seq in range(0, 50, 5):
            moved = tuple((x + 4 * seq, y) for x, y in landmarks)
            answer = runner.process(bare(seq, face(100 + 4 * seq, landmarks=moved)))
            assert seq == 0 or numbers(answer) == [1]
            for between in range(seq + 1, seq + 5):
                found = runner.process(bare(between, searched=False)).detections
                if seq < 25:
                    continue
                assert [one.track for one in found] == [1]
                assert found[0].box == pytest.approx((100 + 4 * between, 100, 40, 40), abs=5)
                assert found[0].landmarks[0] == pytest.approx((110 + 4 * between, 110), abs=6)


def test_a_track_that_the_last_search_missed_is_not_made_up() -> None:
    with Runner(Track) as runner:
        for seq in range(5):
            runner.process(bare(seq, face(100)))
        runner.process(bare(5))
        assert runner.process(bare(6, searched=False)).detections == ()


def test_streams_do_not_mix() -> None:
    with Runner(Track) as runner:
        for seq in range(3):
            one = runner.process(bare(seq, face(100), stream="a"))
            two = runner.process(bare(seq, face(100), face(300), stream="b"))
    assert (numbers(one), numbers(two)) == ([1], [1, 2])


def test_other_labels_pass() -> None:
    eye = Detection(label="eye", box=(1, 1, 2, 2))
    with Runner(Track) as runner:
        runner.process(bare(0, face(100), eye))
        answer = runner.process(bare(1, eye, face(100)))
    assert [(one.label, one.track) for one in answer.detections] == [("eye", None), ("face", 1)]


def test_classifiers_look_now_and_then_and_when_the_view_is_better() -> None:
    with Runner(Track, {"look_every": 10}) as runner:
        due = []
        for seq in range(30):
            size = 40 if seq < 15 else 60
            (one,) = runner.process(bare(seq, face(100, size=size))).detections
            due.append(one.due)
    # 0: it has no track ID; 1: it has one; 11: ten later; 15: larger; 25: ten later.
    assert [seq for seq in range(30) if due[seq]] == [0, 1, 11, 15, 25]


def test_a_face_from_the_front_is_seen_better() -> None:
    front = face(100, landmarks=((110.0, 110.0), (130.0, 110.0), (120.0, 120.0), (112.0, 130.0), (128.0, 130.0)))
    side = face(100, landmarks=((110.0, 110.0), (130.0, 110.0), (128.0, 120.0), (112.0, 130.0), (128.0, 130.0)))
    assert view_of(front) == pytest.approx(40)
    assert view_of(side) == pytest.approx(8)
    assert view_of(face(100)) == pytest.approx(40)


def test_who_takes_over_goes_on_as_if_nothing_had_happened() -> None:
    """The memory is handed out in the middle, and another instance continues with it: bit-identical answers."""
    rng = np.random.default_rng(0)
    frames = []
    for seq in range(60):
        found = [face(100 + 3 * seq + rng.normal(), 100 + rng.normal()), face(400 - 3 * seq, 120, score=0.5)]
        frames.append(bare(seq, *(one for one in found if rng.random() < 0.8), searched=seq % 3 == 0))
    options = {"look_every": 4, "gap": 12}
    with Runner(Track, options) as whole:
        expected = [whole.process(packet) for packet in frames]
    with Runner(Track, options) as first:
        answers = [first.process(packet) for packet in frames[:31]]
        kept = first.stage.memory("s")
    with Runner(Track, options) as second:
        second.stage.remember("s", kept)
        answers += [second.process(packet) for packet in frames[31:]]
    assert answers == expected
    assert any(one.track for packet in answers[31:] for one in packet.detections)
