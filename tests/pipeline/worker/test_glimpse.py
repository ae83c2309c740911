import numpy as np

from framewire.pipeline.frame.packet import FRAME, Packet, PictureRef
from framewire.pipeline.frame.ring import RingReader
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Message, Seen, Watch
from framewire.pipeline.worker.glimpse import Glimpses

ENDPOINT = "ipc://@framewire/x/server/1"


class Scene:
    """A ring with one wide picture, a clock set by hand, and what was sent."""

    def __init__(self, context: StageContext) -> None:
        self.now = 100.0
        self.sent: list[Message] = []
        self.glimpses = Glimpses(lambda endpoint, message: self.sent.append(message), lambda: self.now)
        self.reader = RingReader()
        self._context = context

    def show(self, seq: int, sink: str = "video") -> None:
        bare = Packet(source="s", stream="s", seq=seq, window=4, mark=max(0, seq - 3))
        pixels, ref = self._context.begin_picture(bare, FRAME, 4, 100, 3)
        pixels[...] = np.arange(100, dtype=np.uint8)[None, :, None]
        self._context.finish_pictures()
        self.glimpses.show(sink, bare.with_picture(ref), self.reader)


def test_nobody_looks_nothing_is_sent() -> None:
    context = StageContext("s", None)  # type: ignore[arg-type]
    scene = Scene(context)
    scene.show(0)
    assert scene.sent == []
    context.close()


def test_pictures_are_small_and_seldom_and_end_by_themselves() -> None:
    context = StageContext("s", None)  # type: ignore[arg-type]
    scene = Scene(context)
    scene.glimpses.watch(Watch(ENDPOINT, 3.0, 0.1, 50))
    for seq in range(4):
        scene.show(seq)
        scene.now += 0.06
    seqs = [message.packet.seq for message in scene.sent if isinstance(message, Seen)]
    assert seqs == [0, 2]
    seen = scene.sent[0]
    assert isinstance(seen, Seen)
    assert (seen.height, seen.width, seen.step) == (2, 50, 2)
    assert list(seen.pixels[:9]) == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    scene.now += 3.0
    scene.show(5)
    assert len(scene.sent) == 2
    context.close()


def test_what_has_stayed_on_another_machine_is_not_shown() -> None:
    context = StageContext("s", None)  # type: ignore[arg-type]
    scene = Scene(context)
    scene.glimpses.watch(Watch(ENDPOINT, 3.0, 0.1, 50))
    away = PictureRef(1, 1, 1, 0, 0, 0, 4, 100, 3, machine="n1")
    scene.glimpses.show("video", Packet(source="s", stream="s", seq=0, window=4).with_picture(away), scene.reader)
    assert scene.sent == []
    context.close()


def test_each_sink_and_stream_is_seldom_by_itself() -> None:
    context = StageContext("s", None)  # type: ignore[arg-type]
    scene = Scene(context)
    scene.glimpses.watch(Watch(ENDPOINT, 3.0, 0.1, 50))
    scene.show(0, "video")
    scene.show(0, "list")
    assert len(scene.sent) == 2
    context.close()
