"""The life of one process: its stages, the packets between them, and what it tells the supervisor."""
