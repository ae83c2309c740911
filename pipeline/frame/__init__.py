"""A frame in transit: its packet, its pixels in shared memory, and how one that crashed a stage is saved."""
