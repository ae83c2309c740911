"""Exit codes of the command line: 0 done, 1 failed, 2 invalid, 130 interrupted."""

FAILED = 1
"""The run, or what was asked for, failed."""
WRONG = 2
"""The command, or a file that it names, is invalid: nothing was started."""
INTERRUPTED = 130
"""128 plus the number of SIGINT, as in shells."""
