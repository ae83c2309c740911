import logging

from framewire.pipeline.server.log import AGAIN_S, Throttle


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, text, arguments, None)


def test_the_same_message_comes_once_a_minute_and_says_how_often() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    assert [throttle.filter(record("Invalid request")) for _ in range(100)] == [True] + 99 * [False]
    assert throttle.filter(record("cannot accept: %s", "too many files"))
    now = AGAIN_S
    again = record("Invalid request")
    assert throttle.filter(again)
    assert again.getMessage() == "Invalid request (99 more like this since the last)"
    last = record("cannot accept: %s", "too many files")
    assert throttle.filter(last)
    assert last.getMessage() == "cannot accept: too many files"


def test_a_thousand_kinds_are_not_remembered() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(10_000):
        assert throttle.filter(record("%d", number))
    assert len(throttle._told) <= 100
