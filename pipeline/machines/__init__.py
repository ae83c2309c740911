"""The machines of a run beside its own: whose agent has come, what its workers say, and when one counts as lost."""
