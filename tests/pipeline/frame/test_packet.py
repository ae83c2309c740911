from framewire.pipeline.frame.packet import Attribute, Outcome, number_detections
from tests.pipeline.packets import face, packet


def test_detections_are_numbered_by_stage() -> None:
    once = number_detections(packet(0).plus([face(), face()]), "faces")
    assert [found.id for found in once.detections] == ["faces.0", "faces.1"]
    again = number_detections(once.plus([face("own"), face()]), "faces")
    assert [found.id for found in again.detections] == ["faces.0", "faces.1", "own", "faces.2"]
    assert number_detections(again, "faces") is again


def test_dropped_and_failed_frames_are_not_alive() -> None:
    assert packet(0).alive
    assert not packet(0).drop("dull").alive
    assert not packet(0).fail("Error", "stage").alive
    assert not packet(0, end=True).alive
    assert packet(0).drop("dull").outcome is Outcome.DROPPED
    assert Outcome.FAILED.word == "failed"


def test_time_is_in_seconds() -> None:
    assert packet(0, pts=3003, time_base=(1, 90_000)).time == 3003 / 90_000


def test_more_may_be_said_of_a_detection() -> None:
    said = face(attributes={"age": Attribute("25-32")}).with_attributes({"mood": Attribute("happy", 0.9)})
    assert list(said.attributes) == ["age", "mood"]
