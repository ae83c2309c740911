"""The engine: frames, packets, processes. It has never heard of a face."""

if __name__ != "framewire.pipeline":
    raise ImportError(
        f"{__name__!r} is framewire.pipeline: write `import framewire.pipeline`; "
        "for stages of your own, `from framewire import Stage, Source, Sink, stage, Packet, Detection`"
    )
