"""How long to wait before reconnecting a stream."""

import random
from collections.abc import Iterator

FIRST_S = 0.5
"""The first wait: a server that restarts is back in a second or two."""
LONGEST_S = 1.5
"""The longest: a server that is back is found within three seconds, including connecting."""
JITTER = 0.25
"""Each wait varies by up to this share, so that sixteen streams of one server do not reconnect at once."""


def waits(rng: random.Random) -> Iterator[float]:
    """Seconds to wait: doubled each time, up to the longest, endlessly."""
    wait = FIRST_S
    while True:
        yield wait * (1 + JITTER * (2 * rng.random() - 1))
        wait = min(LONGEST_S, 2 * wait)
