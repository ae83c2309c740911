"""Models and their files: where to find them, their inputs and outputs. Independent of stages and processes."""

if __name__ != "framewire.models":
    raise ImportError(f"{__name__!r} is framewire.models: write `import framewire.models`")
