"""Operating system processes: the nursery that forks them, and the signals that end them."""
