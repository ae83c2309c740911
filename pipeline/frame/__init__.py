"""A frame as it travels: its packet, its pixels in shared memory, and how one that crashed a stage is kept."""
