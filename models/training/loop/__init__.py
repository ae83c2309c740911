"""What is asked of a training, and the loop that does it: augmenting, checkpoints, progress."""
