"""jsonl_writer: a line of JSON for each frame, in files or on standard output."""

from framewire.stages.jsonl_writer.jsonl_writer import JsonlWriter

__all__ = ["JsonlWriter"]
