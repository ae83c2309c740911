"""Films: which video of a file, its pictures in order, when each is shown, and how it stands upright."""
