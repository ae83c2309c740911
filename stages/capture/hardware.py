"""Opening what FFmpeg reads, its video decoded by a device where one is asked for and works."""

from typing import Any

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer

SOFTWARE = ""
AUTO = "auto"


class HardwareError(ValueError):
    """The device that was asked for cannot decode this; the text says so."""


def open_input(name: str, hwaccel: str, **options: Any) -> tuple[InputContainer, str]:
    """The opened container, and the kind of device that decodes it, or nothing where the processor does.

    `hwaccel` is a kind that FFmpeg knows (cuda, vaapi, qsv, ...), `auto` for the first that works, or nothing;
    `options` go to av.open. Raises what av.open raises; HardwareError where what opens does not with that device.
    """
    if hwaccel == SOFTWARE:
        return av.open(name, **options), SOFTWARE
    known = hwdevices_available()
    for kind in known if hwaccel == AUTO else [hwaccel] if hwaccel in known else []:
        try:
            return av.open(name, hwaccel=HWAccel(kind, allow_software_fallback=False), **options), kind
        except (av.error.FFmpegError, RuntimeError, ValueError):
            # The device, or what is to be opened: the next lines tell which.
            continue
    container = av.open(name, **options)
    if hwaccel == AUTO:
        return container, SOFTWARE
    container.close()
    words = ", ".join(known) or "nothing"
    raise HardwareError(f"hwaccel {hwaccel} cannot decode it here (FFmpeg was built with {words}); try auto")
