"""Where results are published: one class for each kind of place, all with the same small interface."""
