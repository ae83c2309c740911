"""The engine: frames, packets, processes. It has never heard of a face."""
