"""The server's log: through the supervisor like all others', and never longer than what it is about is worth."""

import logging
import time
from collections.abc import Callable

from msgspec import Struct

from framewire.pipeline.server.boot import SERVER
from framewire.pipeline.wire.inbox import Outbox
from framewire.pipeline.wire.message import Remark, encode

AGAIN_S = 60.0
"""The same message is logged again after this long, with how often it came meanwhile."""
KINDS_MAX = 100
TEXT_MAX = 1000


class _Told(Struct):
    at: float
    left_out: int = 0


class Throttle(logging.Filter):
    """Lets each message through once a minute: strangers decide how often they send us nonsense."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, _Told] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter; a record that passes says how many did not."""
        now = self._clock()
        key = record.getMessage()
        told = self._told.get(key)
        if told is not None and now - told.at < AGAIN_S:
            told.left_out += 1
            return False
        if told is not None and told.left_out:
            record.msg = f"{key} ({told.left_out} more like this since the last)"
            record.args = ()
        if len(self._told) >= KINDS_MAX:
            self._told.clear()
        self._told[key] = _Told(now)
        return True


class _ToSupervisor(logging.Handler):
    def __init__(self, supervisor: Outbox) -> None:
        super().__init__()
        self._supervisor = supervisor
        self.addFilter(Throttle())

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, on one line."""
        text = record.getMessage().strip()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {record.exc_info[1]!r}"
        plain = text[:TEXT_MAX].encode(errors="backslashreplace").decode()
        self._supervisor.send(encode(Remark(SERVER, record.levelno, SERVER, plain)))


def send_log(supervisor: Outbox) -> None:
    """From now on, warnings of this process, of its libraries too, stand in the run's log."""
    root = logging.getLogger()
    root.handlers = [_ToSupervisor(supervisor)]
    root.setLevel(logging.WARNING)
