"""Which video of a file is the film: covers are passed over, then the default one, or the largest."""

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

BY_ITSELF = -1
"""The value of `video` that leaves the choice to us."""
STILL = frozenset({"png", "apng", "mjpeg", "bmp", "gif", "tiff", "webp", "jpeg2000"})
"""Codecs in which covers are kept, flagged as such or not."""


class NoVideoError(ValueError):
    """There is no such video; the text says what there is."""


def choose(container: InputContainer, number: int = BY_ITSELF) -> VideoStream:
    """The video that is the film, or number `number` of all, counted from 0. Raises NoVideoError."""
    videos = list(container.streams.video)
    if number != BY_ITSELF:
        if number >= len(videos):
            raise NoVideoError(f"has no video {number}, only {_counted(container)}")
        return _decodable(videos[number])
    films = _films(container)
    if not films:
        raise NoVideoError(f"has no video, only {_counted(container)}")
    chosen = [video for video in films if video.disposition & Disposition.default] or films
    # The first of the largest.
    return _decodable(max(chosen, key=_area))


def others(container: InputContainer, chosen: VideoStream) -> str:
    """What else it could have been, in words; empty if nothing."""
    films = _films(container)
    if len(films) < 2:
        return ""
    numbers = {video.index: number for number, video in enumerate(container.streams.video)}
    each = ", ".join(f"{numbers[video.index]} ({_size(video)})" for video in films)
    return f"has {len(films)} videos, {each}; this is {numbers[chosen.index]}, and `video: N` chooses another"


def _films(container: InputContainer) -> list[VideoStream]:
    """The videos without covers: those that say so, and still pictures beside a film that is none."""
    videos = [video for video in container.streams.video if not video.disposition & Disposition.attached_pic]
    return [video for video in videos if not _is_still(video)] or videos


def _is_still(video: VideoStream) -> bool:
    return video.codec_context is not None and video.codec_context.name in STILL


def _decodable(video: VideoStream) -> VideoStream:
    if video.codec_context is None:
        raise NoVideoError("has a video for which there is no decoder")
    return video


def _area(video: VideoStream) -> int:
    return video.codec_context.width * video.codec_context.height if video.codec_context is not None else 0


def _size(video: VideoStream) -> str:
    return f"{video.codec_context.width}x{video.codec_context.height}" if video.codec_context is not None else "unknown"


def _counted(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
    films = len(_films(container))
    covers = len(container.streams.video) - films
    parts = [f"{films} video{'s' if films > 1 else ''}"] if films else []
    parts += [*kinds, *(["a cover picture"] if covers else [])]
    return ", ".join(parts) or "nothing"
