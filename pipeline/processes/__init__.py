"""Operating system processes: the nursery that forks them, signals, and the locks that die with them."""
