"""What a run says of each frame: one documented struct behind files, messages and the Python API."""
