"""One call in a process of its own: what it imports, crashes or leaves open does not concern the caller."""

import os
from collections.abc import Callable

from framewire.pipeline.processes.signals import how_it_ended
from framewire.pipeline.processes.standard_streams import flush


class ApartError(RuntimeError):
    """The process ended before it had an answer; the text says how."""


def call_apart(function: Callable[[], bytes]) -> bytes:
    """The function's answer, from a forked process. Call it before this process has threads. Raises ApartError."""
    reading, writing = os.pipe()
    flush()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(function())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise ApartError(how_it_ended(os.waitstatus_to_exitcode(status)))
    return answer
