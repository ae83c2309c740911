"""The stages that come with Framewire: one file, or one folder, each. They know pictures, not processes."""

if __name__ != "framewire.stages":
    raise ImportError(f"{__name__!r} is framewire.stages: write `import framewire.stages`")
