import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.flow.join import Join, merge
from framewire.pipeline.frame.packet import FRAME, Attribute, Outcome, PictureRef
from tests.pipeline.packets import face, packet

EDGES = [(branch, "all") for branch in ("a", "b", "c", "d")]


def ref(ring: int, generation: int = 0) -> PictureRef:
    return PictureRef(ring, 1, 3, 0, 0, 4096, 2, 2, 3, generation)


@given(st.integers(1, 4), st.integers(0, 12), st.randoms(use_true_random=False))
def test_every_frame_once_whatever_the_order(edges: int, frames: int, rng: random.Random) -> None:
    join = Join(EDGES[:edges])
    parts = [(edge, seq) for edge in EDGES[:edges] for seq in range(frames)]
    rng.shuffle(parts)
    joined = [merged.seq for edge, seq in parts if (merged := join.put(edge, packet(seq))) is not None]
    assert sorted(joined) == list(range(frames))
    assert len(join) == 0


@given(st.permutations([0, 1, 2]))
def test_the_result_does_not_depend_on_who_was_faster(order: list[int]) -> None:
    parts = [
        packet(0, detections=(face("a.0"), face("b.0", attributes={"x": Attribute("1")}))),
        packet(0, detections=(face("a.0", score=0.5), face("c.0"))),
        packet(0, detections=(face("a.0", score=0.9, track=3),)),
    ]
    join = Join(EDGES[:3])
    merged = [join.put(EDGES[number], parts[number]) for number in order][-1]
    assert merged is not None
    assert [(found.id, found.score, found.track) for found in merged.detections] == [
        ("a.0", 0.5, 3),
        ("b.0", None, None),
        ("c.0", None, None),
    ]


def test_a_branch_that_draws_wins_over_one_that_looks() -> None:
    looked = packet(0).with_picture(ref(1, 0)).with_picture(ref(1, 0), "small")
    drawn = packet(0).with_picture(ref(2, 1))
    merged = merge([looked, drawn])
    assert merged.pictures[FRAME].ring == 2
    assert merged.pictures["small"].ring == 1


def test_of_equal_pictures_the_one_that_is_on_this_machine_wins() -> None:
    away = packet(0).with_picture(msgspec.structs.replace(ref(1, 1), machine="n1"))
    here = packet(0).with_picture(ref(2, 1))
    assert [merge(parts).pictures[FRAME].ring for parts in ([away, here], [here, away])] == [2, 2]
    assert merge([packet(0).with_picture(ref(3, 0)), away]).pictures[FRAME].ring == 1


def test_the_worst_outcome_counts() -> None:
    parts = [packet(0).drop("dull"), packet(0).fail("Error", "b"), packet(0)]
    merged = merge(parts)
    assert (merged.outcome, merged.reason, merged.stage) == (Outcome.FAILED, "Error", "b")


def test_late_doubles_of_settled_frames_are_forgotten() -> None:
    join = Join(EDGES[:2])
    join.put(EDGES[0], packet(3))
    join.put(EDGES[0], packet(9))
    join.forget_below(5)
    assert len(join) == 1
    join.forget_waiting()
    assert len(join) == 0


def test_marks_go_forward() -> None:
    assert merge([packet(5, mark=2), packet(5, mark=4)]).mark == 4


def test_merging_equal_parts_changes_nothing() -> None:
    one = packet(0, detections=(face("a.0"),)).with_picture(ref(1))
    assert merge([one, msgspec.structs.replace(one)]) == one
