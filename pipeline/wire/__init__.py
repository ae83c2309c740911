"""Messages between processes, and how they are delivered."""
