"""How many frames are under way, in which order they pass, and where branches come together."""
