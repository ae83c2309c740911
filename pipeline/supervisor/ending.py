"""How a process ended, in words."""

import signal


def how_it_ended(status: int) -> str:
    """`killed by SIGKILL` for a status of -9, `exit status 1` for 1."""
    return f"killed by {signal_name(-status)}" if status < 0 else f"exit status {status}"


def signal_name(number: int) -> str:
    """`SIGTERM` for 15."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
