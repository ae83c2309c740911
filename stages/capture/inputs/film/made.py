"""When a film was made, as far as its file says so and can be believed."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

TAG = "creation_time"
"""FFmpeg's name for it, in all containers that have one."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Cameras without a clock say 1904, 1970 or 1980."""
DAY_S = 86_400.0


def made_ms(tags: Mapping[str, str], now: float | None = None) -> int | None:
    """The moment of its first picture, in milliseconds since 1970; None if it does not say, or says what cannot be."""
    try:
        made = datetime.fromisoformat(tags.get(TAG, ""))
    except ValueError:
        return None
    latest = (time.time() if now is None else now) + DAY_S
    if made.tzinfo is None or made < EARLIEST or made.timestamp() > latest:
        return None
    return round(made.timestamp() * 1000)
