"""How long to wait before a stream that is down is tried again."""

import random
from collections.abc import Iterator

FIRST_S = 0.5
"""The first wait: a server that restarts is back in a second or two."""
LONGEST_S = 1.5
"""The longest: a server that is back is found within three seconds, the time to connect included."""
JITTER = 0.25
"""Each wait is this share shorter or longer, so that sixteen streams of one server do not come back at one moment."""


def waits(rng: random.Random) -> Iterator[float]:
    """Seconds to wait: twice as long each time, up to the longest, for ever."""
    wait = FIRST_S
    while True:
        yield wait * (1 + JITTER * (2 * rng.random() - 1))
        wait = min(LONGEST_S, 2 * wait)
