from datetime import UTC, datetime

import pytest

from framewire.stages.capture.inputs.film.made import made_ms

NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026-03-01T12:00:00.250000Z", 1_772_366_400_250),
        ("2026-03-01T14:00:00+02:00", 1_772_366_400_000),
        ("2026-06-01T23:00:00Z", 1_780_354_800_000),
    ],
)
def test_what_can_be_is_believed(said: str, expected: int) -> None:
    assert made_ms({"creation_time": said}, NOW) == expected


@pytest.mark.parametrize(
    "said",
    [
        "",
        "yesterday",
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000000Z",
        "2026-03-01T12:00:00",
        "2027-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_clocks_that_were_never_set_and_times_without_a_zone_are_not(said: str) -> None:
    assert made_ms({"creation_time": said}, NOW) is None


def test_most_films_do_not_say() -> None:
    assert made_ms({}, NOW) is None
