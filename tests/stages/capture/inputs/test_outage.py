"""A dead camera is a line, then one an hour; one that flaps is no more."""

from framewire.stages.capture.inputs.outage import AGAIN_S, STEADY_S, Outage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_dead_camera_is_a_line_and_then_one_an_hour() -> None:
    clock = Clock()
    outage = Outage(clock)
    said = []
    for _ in range(3 * 2400):
        said.append(outage.failed("no answer", 0.0))
        clock.now += AGAIN_S / 2400
    assert [text for text in said if text] == [
        "no answer",
        "no answer; still so, after 2399 more tries",
        "no answer; still so, after 2399 more tries",
    ]


def test_each_reason_is_said_once_and_a_return_after_one() -> None:
    outage = Outage(Clock())
    assert outage.is_over()
    assert [outage.failed(why, 0.0) for why in ("ended", "no answer", "ended", "no answer")] == [
        "ended",
        "no answer",
        "",
        "",
    ]
    assert outage.is_over()


def test_a_stream_that_flaps_is_no_more_than_one_that_is_dead() -> None:
    outage = Outage(Clock())
    said = [(outage.is_over(), outage.failed("ended", 2.0)) for _ in range(50)]
    assert said == [(True, "ended"), (True, ""), *[(False, "")] * 48]


def test_trouble_after_a_good_while_is_news() -> None:
    outage = Outage(Clock())
    assert outage.failed("ended", STEADY_S) == "ended"
    assert outage.failed("ended", STEADY_S) == "ended"
