"""Both ends of links, each in a thread: who gets pixels, who gets packets alone, and what comes back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import numpy as np
import pytest
import zmq

from framewire.pipeline.frame.packet import FRAME, Packet, PictureRef
from framewire.pipeline.frame.ring import PictureElsewhereError, RingReader, StreamRings
from framewire.pipeline.link.link_socket import LinkBoot, LinkLostError
from framewire.pipeline.link.porter import Porter
from framewire.pipeline.wire.inbox import Inbox, Outbox, Outboxes, new_endpoint
from framewire.pipeline.wire.message import (
    Connect,
    Deliver,
    Exit,
    Forward,
    Message,
    Peer,
    Seen,
    Watch,
    decode_for_server,
    decode_for_worker,
    encode,
)

WINDOW = 4
SHAPE = (120, 200, 3)
DEADLINE_S = 10.0
SECRET = b"s" * 32


def ignore(message: Message) -> None:
    """A supervisor that reads no reports."""


class End:
    """A porter, and a worker beside it that gets all that comes over the link."""

    def __init__(self, boot: LinkBoot) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        inbox = Inbox(self.context, new_endpoint("p", "porter"))
        self._outboxes = Outboxes(self.context)
        self.worker = Inbox(self.context, new_endpoint("p", "worker"))
        self.porter = Porter(f"{boot.here}>{boot.there}#0", 0, boot, inbox, self._outboxes)
        self._to_porter = Outbox(self.context, inbox.endpoint)
        self._inbox = inbox
        self._thread = threading.Thread(target=self._live)

    def begin(self) -> None:
        self._thread.start()
        self.say(Connect({"door": 1}, {"worker": Peer(self.worker.endpoint, 0)}, [], []))

    def _live(self) -> None:
        self.porter.greet()
        # One end is closed first; a link that is lost before brings no more packets.
        with suppress(LinkLostError):
            self.porter.run(ignore)

    def say(self, message: Message) -> None:
        self._to_porter.send(encode(message))

    def send(self, packet: Packet, consumer: str, producer: str = "door") -> None:
        deliver = Deliver(1, (producer, consumer), 0, 0, packet)
        self.say(Forward("worker", 0, encode(deliver)))

    def got(self) -> Packet:
        """The next packet that has come over the link."""
        raw = self.worker.wait(DEADLINE_S)
        assert raw is not None
        message = decode_for_worker(raw)
        assert isinstance(message, Deliver)
        return message.packet

    def close(self) -> None:
        self.say(Exit())
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        self._to_porter.close()
        self.porter.close()
        for one in (self._inbox, self.worker, self._outboxes):
            one.close()
        self.context.term()


Link = Callable[..., tuple[End, End]]


@pytest.fixture
def link() -> Iterator[Link]:
    """Makes links: both ends, the one of the machine named first first."""
    with ExitStack() as closing:

        def make(here: str, there: str, looking: tuple[str, ...] = (), unseen: tuple[str, ...] = ()) -> tuple[End, End]:
            near = End(LinkBoot(here, there, True, "127.0.0.1", 0, SECRET, True, "raw", looking, unseen))
            port = near.porter.socket.port
            far = End(LinkBoot(there, here, False, "127.0.0.1", port, SECRET, True, "raw", (), ()))
            for end in (near, far):
                closing.callback(end.close)
            for end in (near, far):
                end.begin()
            return near, far

        yield make


class Film:
    """A ring of this machine, and packets that point to it."""

    def __init__(self) -> None:
        self._rings = StreamRings(WINDOW)

    def packet(self, seq: int) -> Packet:
        pixels, ref = self._rings.begin(seq, 0, *SHAPE)
        pixels[...] = seq + 1
        self._rings.finish(seq)
        return Packet(source="door", stream="door", seq=seq, window=WINDOW, pictures={FRAME: ref})


def ref_of(packet: Packet) -> PictureRef:
    return packet.pictures[FRAME]


def test_pixels_go_to_whom_looks_and_the_others_cannot_open_what_has_stayed(link: Link) -> None:
    home, n = link("home", "n", looking=("faces",))
    film, reader = Film(), RingReader()
    for seq in range(WINDOW):
        home.send(film.packet(seq), "list")
    sent = []
    for seq in range(WINDOW):
        ref = ref_of(n.got())
        assert (ref.machine, ref.is_here, ref.seq, (ref.height, ref.width, ref.channels)) == ("home", False, seq, SHAPE)
        assert not reader.has(ref)
        with pytest.raises(PictureElsewhereError, match="home"):
            reader.view(ref)
        sent.append(home.porter.socket.sent_bytes)
    assert sent[-1] < WINDOW * 2000
    # What went without pixels has not gone yet.
    home.send(film.packet(0), "faces")
    assert (reader.view(ref_of(n.got())) == np.full(SHAPE, 1, np.uint8)).all()


def test_back_home_a_packet_has_its_first_picture_whichever_way_it_took(link: Link) -> None:
    home, n = link("home", "n")
    other_n, m = link("n", "m")
    other_m, other_home = link("m", "home")
    packet = Film().packet(0)
    home.send(packet, "list")
    at_n = n.got()
    n.send(at_n, "video")
    assert ref_of(home.got()) == ref_of(packet)
    other_n.send(at_n, "list")
    at_m = m.got()
    assert ref_of(at_m).machine == "home"
    other_m.send(at_m, "video")
    assert ref_of(other_home.got()) == ref_of(packet)


def test_viewers_see_what_has_stayed_but_for_what_must_be_hidden(link: Link) -> None:
    home, n = link("home", "n", looking=("faces",), unseen=("bare",))
    film = Film()
    viewer = Inbox(home.context, new_endpoint("p", "viewer"))
    home.say(Watch(viewer.endpoint, 60.0, 0.0, 50))
    home.send(film.packet(0), "list", producer="bare")
    home.send(film.packet(1), "faces")
    home.send(film.packet(2), "list")
    for _ in range(3):
        n.got()
    raw = viewer.wait(DEADLINE_S)
    assert raw is not None
    seen = decode_for_server(raw)
    assert isinstance(seen, Seen)
    assert (seen.sink, seen.packet.seq, seen.width, set(seen.pixels)) == ("list", 2, 50, {3})
    assert viewer.waiting() is None
    viewer.close()
