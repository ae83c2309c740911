"""Opening FFmpeg inputs, with hardware decoding where it is requested and works."""

from typing import Any

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer

SOFTWARE = ""
AUTO = "auto"


class HardwareError(ValueError):
    """The requested device cannot decode this; the text says so."""


def open_input(name: str, hwaccel: str, **options: Any) -> tuple[InputContainer, str]:
    """The opened container, and the type of device that decodes it, empty for the CPU.

    `hwaccel` is an FFmpeg device type (cuda, vaapi, qsv, ...), `auto` for the first that works, or empty; `options`
    go to av.open. Raises what av.open raises; HardwareError if it opens, but not with that device.
    """
    if hwaccel == SOFTWARE:
        return av.open(name, **options), SOFTWARE
    known = hwdevices_available()
    for kind in known if hwaccel == AUTO else [hwaccel] if hwaccel in known else []:
        try:
            return av.open(name, hwaccel=HWAccel(kind, allow_software_fallback=False), **options), kind
        except (av.error.FFmpegError, RuntimeError, ValueError):
            # The device or the input failed: the next lines tell which.
            continue
    container = av.open(name, **options)
    if hwaccel == AUTO:
        return container, SOFTWARE
    container.close()
    words = ", ".join(known) or "nothing"
    raise HardwareError(f"hwaccel {hwaccel} cannot decode this (FFmpeg was built with {words}); try auto")
