"""One worker process: its stages, the packets between them, and its reports to the supervisor."""
