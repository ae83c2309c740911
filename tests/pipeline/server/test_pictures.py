import asyncio
from typing import Any

import pytest

from framewire.pipeline.frame.packet import FRAME, Packet, PictureRef
from framewire.pipeline.server import pictures as module
from framewire.pipeline.server.pictures import Pictures
from framewire.pipeline.wire.message import Seen


def seen(seq: int, sink: str = "video", generation: int = 0, stream: str = "s") -> Seen:
    ref = PictureRef(1, 1, 1, 0, seq, 0, 2, 2, 3, generation)
    packet = Packet(source=stream, stream=stream, seq=seq, window=4, pictures={FRAME: ref})
    return Seen(sink, packet, 2, 2, 1, bytes(12))


class Painter:
    def __init__(self) -> None:
        self.painted: list[int] = []

    def __call__(self, pixels: Any, packet: Packet, step: int) -> bytes:
        assert pixels.shape == (2, 2, 3)
        self.painted.append(packet.seq)
        return f"{packet.seq}".encode()


def test_a_viewer_gets_the_newest_picture_and_waits_for_the_next() -> None:
    async def story() -> None:
        pictures = Pictures(lambda width: None, Painter())
        await pictures.take(seen(1))
        await pictures.take(seen(2))
        first = await pictures.next("s", 0)
        assert first == (2, b"2")
        waiting = asyncio.create_task(pictures.next("s", 2))
        await asyncio.sleep(0)
        assert not waiting.done()
        await pictures.take(seen(5))
        assert await waiting == (3, b"5")

    asyncio.run(story())


def test_one_picture_is_painted_once_for_all_viewers_and_never_for_nobody() -> None:
    async def story() -> None:
        painter = Painter()
        pictures = Pictures(lambda width: None, painter)
        for seq in range(5):
            await pictures.take(seen(seq))
        assert painter.painted == []
        for _ in range(10):
            await pictures.next("s", 0)
        assert painter.painted == [4]

    asyncio.run(story())


def test_of_two_sinks_the_one_that_shows_drawings_wins() -> None:
    async def story() -> None:
        pictures = Pictures(lambda width: None, Painter())
        await pictures.take(seen(1, "list", 0))
        await pictures.take(seen(1, "video", 1))
        await pictures.take(seen(2, "list", 0))
        assert await pictures.next("s", 0) == (2, b"1")

    asyncio.run(story())


def test_no_picture_in_time_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    pictures = Pictures(lambda width: None, Painter())
    assert asyncio.run(pictures.next("s", 0)) is None


def test_the_pipeline_is_asked_once_a_second_and_for_smaller_pictures_where_many_are_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.001)
    clock = [100.0]
    looked: list[int] = []
    pictures = Pictures(looked.append, Painter(), lambda: clock[0])

    async def story() -> None:
        for name in range(9):
            await pictures.take(seen(1, stream=str(name)))
        for name in range(9):
            await pictures.next(str(name), 0)
        assert looked == [1280]
        clock[0] += 1.5
        await pictures.next("0", 0)
        assert looked == [1280, 640]
        clock[0] += 5
        await pictures.next("0", 0)
        assert looked == [1280, 640, 1280]

    asyncio.run(story())
