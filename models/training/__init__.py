"""Training our own networks: `framewire train`, on pictures that are not in this repository.

It needs the extra `train`; see docs/training.md.
"""
