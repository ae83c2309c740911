"""Pictures as JPEG, where they cross from machine to machine."""

import cv2
import numpy as np

from framewire.pipeline.frame.ring import Pixels

QUALITY = 90
"""Detectors find the same in it, and it has a fortieth to a twenty-fifth of the bytes."""
HEAD_BYTES_MAX = 2**16
"""Of a picture so small or so noisy that its JPEG is larger than itself."""


class JpegCodec:
    """See pipeline/link/codec.py."""

    def encode(self, pixels: Pixels) -> bytes:
        """A picture, uint8 (height, width, 3) BGR or (height, width) grey, as JPEG."""
        done, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not done:
            raise ValueError(f"a picture of shape {pixels.shape} cannot be coded as JPEG")
        return coded.tobytes()

    def landing(self, size: int, target: Pixels) -> memoryview:
        """See Codec: in a buffer. Raises ValueError for more bytes than any JPEG of this picture needs."""
        if size > target.nbytes + HEAD_BYTES_MAX:
            raise ValueError(f"a JPEG came of {size} bytes, of a picture of {target.nbytes}")
        return memoryview(bytearray(size))

    def decode(self, landed: memoryview, target: Pixels) -> None:
        """Fill the target. Raises ValueError for bytes that are no JPEG of its size."""
        kind = cv2.IMREAD_GRAYSCALE if target.ndim == 2 else cv2.IMREAD_COLOR
        picture = cv2.imdecode(np.frombuffer(landed, np.uint8), kind | cv2.IMREAD_IGNORE_ORIENTATION)
        if picture is None or picture.shape != target.shape:
            raise ValueError("a picture came that is no JPEG of its size")
        target[...] = picture
