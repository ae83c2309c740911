"""video_writer: a video file for each stream, written in fragments that a crash cannot take back."""

from framewire.stages.video_writer.video_writer import VideoWriter

__all__ = ["VideoWriter"]
