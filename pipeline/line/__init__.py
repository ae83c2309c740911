"""The line between a run and the agent on another machine: numbered messages, keys, and the lease."""
