"""Framewire's built-in stages, one file or folder each. They deal with pictures, not processes."""

if __name__ != "framewire.stages":
    raise ImportError(f"{__name__!r} is framewire.stages: write `import framewire.stages`")
