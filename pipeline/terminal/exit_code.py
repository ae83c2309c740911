"""With what the command line exits: 0 done, 1 failed, 2 wrong, 130 interrupted."""

FAILED = 1
"""The run, or what was asked for, did not come to a good end."""
WRONG = 2
"""The command, or a file that it names, is not right: nothing was begun."""
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""
