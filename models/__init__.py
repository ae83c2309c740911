"""Models and their files: where they are found, what goes in, what comes out. Knows nothing of stages or processes."""

if __name__ != "framewire.models":
    raise ImportError(f"{__name__!r} is framewire.models: write `import framewire.models`")
