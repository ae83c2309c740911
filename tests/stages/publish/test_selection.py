"""What is published of a stream."""

import msgspec

from framewire.pipeline.frame.packet import Attribute, Detection, Event, Outcome, Packet
from framewire.stages.publish.selection import FORGET_S, Selection, What


def packet(seq: int, *detections: Detection, events: tuple[Event, ...] = (), seconds: float | None = None) -> Packet:
    pts = seq * 40 if seconds is None else round(seconds * 1000)
    return Packet(source="s", stream="door", seq=seq, window=8, pts=pts, detections=detections, events=events)


def person(track: int | None = None, label: str = "person", **attributes: str) -> Detection:
    said = {name: Attribute(word) for name, word in attributes.items()}
    return Detection(label=label, box=(0, 0, 9, 9), id=f"d.{track}", track=track, attributes=said)


def seqs(selection: Selection, packets: list[Packet]) -> list[int]:
    return [result.seq for one in packets if (result := selection.result(one)) is not None]


def test_frames_are_all_published_those_that_failed_too() -> None:
    frames = [packet(0), packet(1, person()), msgspec.structs.replace(packet(2), outcome=Outcome.FAILED)]
    assert seqs(Selection(), frames) == [0, 1, 2]


def test_of_and_where_choose_frames_with_a_detection_that_has_all_of_it() -> None:
    frames = [packet(0), packet(1, person(label="car")), packet(2, person(mood="sad")), packet(3, person(mood="happy"))]
    assert seqs(Selection(labels=("person",)), frames) == [2, 3]
    assert seqs(Selection(where={"mood": "happy"}), frames) == [3]
    assert seqs(Selection(labels=("car",), where={"mood": "happy"}), frames) == []


def test_every_s_goes_by_the_streams_clock_which_may_be_set_back() -> None:
    selection = Selection(every_s=1.0)
    times = [0.0, 0.5, 0.99, 1.0, 1.5, 2.2, 0.1, 0.2, 1.1]
    assert seqs(selection, [packet(seq, seconds=at) for seq, at in enumerate(times)]) == [0, 3, 5, 6, 8]


def test_every_s_survives_the_process() -> None:
    before = Selection(every_s=1.0)
    assert before.result(packet(0)) is not None
    after = Selection(every_s=1.0)
    after.remember("door", before.memory("door"))
    assert seqs(after, [packet(1), packet(25)]) == [25]


def test_events_come_with_those_they_are_about() -> None:
    crossed, came = Event("crossed", "gate left", 3, direction="left"), Event("came", track=4)
    selection = Selection("events", where={"kind": "crossed", "line": "gate"})
    assert selection.result(packet(0, person(3), events=(came,))) is None
    result = selection.result(packet(1, person(3), person(4), events=(came, crossed)))
    assert result is not None
    assert [event.kind for event in result.events] == ["crossed"]
    assert [one.track for one in result.detections] == [3]


def test_changes_are_of_words_not_of_numbers() -> None:
    def seen(seq: int, mood: str, score: float) -> Packet:
        said = {"mood": Attribute(mood, score), "age": Attribute("(25-32)", value=score)}
        one = Detection(label="face", box=(seq, 0, 9, 9), score=score, track=1, id="d.1", attributes=said)
        return packet(seq, one)

    frames = [seen(0, "sad", 0.5), seen(1, "sad", 0.9), seen(2, "happy", 0.9), packet(3), seen(4, "happy", 0.1)]
    assert seqs(Selection("changes"), frames) == [0, 2]


def test_changes_leave_out_who_has_not_changed() -> None:
    selection = Selection("changes")
    assert selection.result(packet(0, person(1), person(2))) is not None
    result = selection.result(packet(1, person(1), person(2, mood="sad"), person(None)))
    assert result is not None
    assert [one.track for one in result.detections] == [2]


def test_a_change_that_comes_too_soon_is_told_later() -> None:
    selection = Selection("changes", every_s=1.0)
    frames = [
        packet(0, person(1)),
        packet(1, person(1, mood="sad")),
        packet(24, person(1, mood="sad")),
        packet(25, person(1, mood="sad")),
        packet(26, person(1, mood="sad")),
    ]
    assert seqs(selection, frames) == [0, 25]


def test_changes_survive_the_process_and_tracks_are_forgotten() -> None:
    before = Selection("changes")
    assert before.result(packet(0, person(1))) is not None
    after = Selection("changes")
    after.remember("door", before.memory("door"))
    assert after.result(packet(1, person(1))) is None
    assert after.result(packet(2, seconds=FORGET_S + 1)) is None
    assert after.result(packet(3, person(1), seconds=FORGET_S + 2)) is not None


def test_a_stage_that_is_asked_again_from_the_beginning_has_no_memory() -> None:
    whats: list[What] = ["frames", "changes"]
    for what in whats:
        selection = Selection(what, every_s=10.0)
        assert selection.result(packet(0, person(1))) is not None
        selection.remember("door", None)
        assert selection.result(packet(0, person(1))) is not None
