"""A sink's output in parts: names from a template, a new part now and then, and a limit on what the disk holds."""
