"""Ways to get a picture from one process to another by copying it: what `transport` compares with the ring.

Each carrier is used as its own documentation shows, without compression. A picture travels with its send time, in
nanoseconds of the monotonic clock.
"""

import multiprocessing
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import zmq
from numpy.typing import NDArray

from tests.system.running import free_port

Picture = NDArray[np.uint8]
QUEUED = 4
"""Pictures that may wait between the two processes."""
STAMP = np.dtype(np.int64)
SPAWN = multiprocessing.get_context("spawn")
"""How sender and receiver are started: as fresh processes that share nothing."""


class Sending(Protocol):
    """The sender's end."""

    def __call__(self, picture: Picture, stamp: int) -> None:
        """Send; blocks if the queue is full."""


class Carrier(Protocol):
    """Made in the parent, given to both processes."""

    def sender(self) -> Sending:
        """Called in the sender's process."""

    def receiver(self) -> Callable[[], tuple[Picture, int]]:
        """Called in the receiver's process; the result waits for a picture."""


class ZmqCarrier:
    """pyzmq, PUSH to PULL, one message of two parts."""

    def __init__(self, address: str) -> None:
        self._address = address

    def sender(self) -> Sending:
        """See Carrier."""
        socket = zmq.Context().socket(zmq.PUSH)
        socket.sndhwm = QUEUED
        socket.connect(self._address)

        def send(picture: Picture, stamp: int) -> None:
            socket.send_multipart([np.int64(stamp).tobytes(), memoryview(picture.reshape(-1))])

        return send

    def receiver(self) -> Callable[[], tuple[Picture, int]]:
        """See Carrier."""
        socket = zmq.Context().socket(zmq.PULL)
        socket.rcvhwm = QUEUED
        socket.bind(self._address)

        def receive() -> tuple[Picture, int]:
            stamp, pixels = socket.recv_multipart(copy=False)
            return np.frombuffer(pixels.buffer, np.uint8), int(np.frombuffer(stamp.buffer, STAMP)[0])

        return receive


class QueueCarrier:
    """multiprocessing.Queue."""

    def __init__(self) -> None:
        self._queue: Any = SPAWN.Queue(QUEUED)

    def sender(self) -> Sending:
        """See Carrier."""
        return lambda picture, stamp: self._queue.put((picture, stamp))

    def receiver(self) -> Callable[[], tuple[Picture, int]]:
        """See Carrier."""
        return self._queue.get  # type: ignore[no-any-return]


class ImageZmqCarrier:
    """imagezmq in its default mode: one request per picture, over TCP."""

    def __init__(self, port: int) -> None:
        self._port = port

    def sender(self) -> Sending:
        """See Carrier."""
        from imagezmq import ImageSender

        sender = ImageSender(connect_to=f"tcp://127.0.0.1:{self._port}")
        return lambda picture, stamp: sender.send_image(str(stamp), picture)

    def receiver(self) -> Callable[[], tuple[Picture, int]]:
        """See Carrier."""
        from imagezmq import ImageHub

        hub = ImageHub(open_port=f"tcp://127.0.0.1:{self._port}")

        def receive() -> tuple[Picture, int]:
            stamp, picture = hub.recv_image()
            hub.send_reply(b"OK")
            return picture, int(stamp)

        return receive


class NetGearCarrier:
    """vidgear's NetGear, a pair over TCP, compression off; the time goes into the picture's first pixels."""

    def __init__(self, port: int) -> None:
        self._options: dict[str, Any] = {
            "address": "127.0.0.1",
            "port": str(port),
            "jpeg_compression": False,
            "max_retries": 50,
        }

    def sender(self) -> Sending:
        """See Carrier."""
        from vidgear.gears import NetGear

        server = NetGear(**self._options)

        def send(picture: Picture, stamp: int) -> None:
            picture.reshape(-1)[: STAMP.itemsize] = np.frombuffer(np.int64(stamp).tobytes(), np.uint8)
            server.send(picture)

        return send

    def receiver(self) -> Callable[[], tuple[Picture, int]]:
        """See Carrier."""
        from vidgear.gears import NetGear

        client = NetGear(receive_mode=True, **self._options)

        def receive() -> tuple[Picture, int]:
            picture = client.recv()
            assert picture is not None, "the sender has gone"
            return picture, int(np.frombuffer(picture.reshape(-1)[: STAMP.itemsize].tobytes(), STAMP)[0])

        return receive


def carriers(folder: str) -> dict[str, Carrier]:
    """All installed carriers."""
    found: dict[str, Carrier] = {
        "pyzmq, ipc": ZmqCarrier(f"ipc://{folder}/pixels"),
        "pyzmq, tcp": ZmqCarrier(f"tcp://127.0.0.1:{free_port()}"),
        "multiprocessing.Queue": QueueCarrier(),
    }
    if find_spec("imagezmq"):
        found["imagezmq"] = ImageZmqCarrier(free_port())
    if find_spec("vidgear"):
        found["vidgear NetGear"] = NetGearCarrier(free_port())
    return found
