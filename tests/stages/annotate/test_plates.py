"""Captions keep inside the picture and clear of faces and each other, wherever boxes are."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from framewire.stages.annotate.plates import Box, Placed, Wanted, place

PICTURE = (640, 360)
side = st.floats(-100, 700)
BOX = st.tuples(side, side, st.floats(0, 300), st.floats(0, 300))
SIZE = st.tuples(st.integers(1, 200), st.integers(1, 40))
WANTED = st.builds(Wanted, BOX, st.lists(SIZE, min_size=1, max_size=3), st.booleans())


def covers(one: Box, other: Box) -> bool:
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return across > 0 and down > 0


def rectangle(wanted: Wanted, placed: Placed) -> Box:
    return (placed.left, placed.top, *wanted.sizes[placed.size])


@given(st.lists(WANTED, max_size=12), st.lists(BOX, max_size=6))
def test_no_plate_covers_a_face_or_another_or_leaves_the_picture(wanted: list[Wanted], faces: list[Box]) -> None:
    placed = place(wanted, faces, PICTURE)
    assert len(placed) == len(wanted)
    plates = [rectangle(one, found) for one, found in zip(wanted, placed, strict=True) if found is not None]
    for plate in plates:
        assert not any(covers(plate, face) for face in faces)
        assert 0 <= plate[0] <= PICTURE[0] - plate[2]
        assert 0 <= plate[1] <= PICTURE[1] - plate[3]
    assert not any(covers(one, other) for one, other in combinations(plates, 2))


@given(st.lists(WANTED, max_size=8))
def test_the_order_of_detections_does_not_matter(wanted: list[Wanted]) -> None:
    apart = list({one.box[:2]: one for one in wanted}.values())
    there = dict(zip(map(id, apart), place(apart, [], PICTURE), strict=True))
    turned = list(reversed(apart))
    assert place(turned, [], PICTURE) == [there[id(one)] for one in turned]


def test_above_its_box_where_there_is_room_else_below() -> None:
    above, below = Wanted((100, 100, 50, 50), [(60, 20)]), Wanted((300, 5, 50, 50), [(60, 20)])
    assert place([above, below], [above.box, below.box], PICTURE) == [Placed(100, 78, 0), Placed(300, 57, 0)]


def test_where_there_is_no_room_for_all_it_says_less() -> None:
    wanted = Wanted((100, 100, 50, 50), [(200, 20), (40, 20)])
    walls: list[Box] = [(0, 0, 640, 79), (0, 152, 640, 208), (0, 0, 60, 360), (152, 0, 488, 360)]
    (placed,) = place([wanted], [wanted.box, *walls], PICTURE)
    assert placed is None
    (placed,) = place([wanted], [wanted.box, *walls[1:]], PICTURE)
    assert placed == Placed(100, 78, 1)


def test_a_box_that_fills_the_picture_has_its_caption_inside_unless_it_is_a_face() -> None:
    whole: Box = (0, 0, 640, 360)
    assert place([Wanted(whole, [(60, 20)], may_be_inside=True)], [], PICTURE) == [Placed(2, 2, 0)]
    assert place([Wanted(whole, [(60, 20)])], [whole], PICTURE) == [None]
