"""How a sink says that it cannot take a frame now: the stream waits for it, and nobody is to blame."""

import errno


class NoRoomError(OSError):
    """Raised by a sink's `write`: there is no room for this frame until the sink calls `context.wake()`.

    The frame is then written again, however long that takes, of files as of live streams.
    """

    def __init__(self, what: str, why: str) -> None:
        """`what` has no room, `why` in words: both are shown to users."""
        super().__init__(errno.ENOSPC, why, what)
