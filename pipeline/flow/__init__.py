"""How many frames are in flight, in which order they pass, and where branches come together."""
