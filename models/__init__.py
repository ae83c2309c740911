"""Models and their files: where they are found, what goes in, what comes out. Knows nothing of stages or processes."""
