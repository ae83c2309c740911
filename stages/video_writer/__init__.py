"""video_writer: a video file for each stream, written in crash-safe fragments."""

from framewire.stages.video_writer.video_writer import VideoWriter

__all__ = ["VideoWriter"]
