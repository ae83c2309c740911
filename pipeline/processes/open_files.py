"""How many files and sockets a process may have open, and how many a run needs."""

import resource

OF_ITSELF, OF_EACH_WORKER = 48, 6
"""What the supervisor has open, and some to spare: 87 were open with 13 workers."""


def raise_limit() -> None:
    """Let this process have as many files open as it may: distributions begin with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def files_missing(workers: int) -> str:
    """Why a run of so many workers cannot be, in words; empty if it can."""
    needed = OF_ITSELF + OF_EACH_WORKER * workers
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ""
    return (
        f"{workers} processes need up to {needed} open files, and the limit is {limit}; "
        f"raise it (ulimit -n {needed}, or LimitNOFILE= of a service), or let stages share processes (`process`)"
    )
