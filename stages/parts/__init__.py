"""A sink's output in parts: names from a template, periodic new parts, and a limit on disk use."""
