"""What a run counts: figures, snapshots of them, their rates of change, and what they mean."""
