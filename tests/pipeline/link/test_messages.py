"""Whatever goes in at one end of a connection comes out at the other, whole and in order, however it is cut."""

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.pipeline.link.greeting import Agreed
from framewire.pipeline.link.incoming import Incoming, LinkEndedError
from framewire.pipeline.link.outgoing import CHUNK_BYTES, Outgoing
from framewire.pipeline.link.seal import Sealed, SealMissingError

AGREED = Agreed(bytes(range(32)), bytes(64))
SMALL_BUFFER = 4096


def plain(listens: bool) -> None:
    """Nothing seals."""


def sealed(listens: bool) -> Sealed:
    return Sealed(AGREED, listens)


both = pytest.mark.parametrize("seal", [plain, sealed])


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with closing(one), closing(other):
        for end in (one, other):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        yield one, other


class Receiver:
    """The receiving end; `wants` says which of the parts behind a header are needed."""

    def __init__(self, seal: Sealed | None, wants: Callable[[int], bool] = lambda number: True) -> None:
        self.messages: list[tuple[bytes, ...]] = []
        self._wants = wants
        self._targets: list[bytearray] = []
        self._incoming = Incoming(self._place, seal)

    def _place(self, header: bytes, sizes: Sequence[int]) -> list[memoryview | None]:
        self._targets = [bytearray(size if self._wants(number) else 0) for number, size in enumerate(sizes)]
        return [memoryview(one) if self._wants(number) else None for number, one in enumerate(self._targets)]

    def receive(self, end: socket.socket) -> None:
        while (header := self._incoming.receive(end)) is not None:
            self.messages.append((header, *map(bytes, self._targets)))
            self._targets = []


def carried(messages: list[tuple[bytes, ...]], seal: Callable[[bool], Sealed | None], receiver: Receiver) -> None:
    """Send and receive in turn, over a connection that takes little at once."""
    outgoing = Outgoing(seal(True))
    for message in messages:
        outgoing.put(message)
    with connected() as (one, other):
        while not outgoing.send(one):
            receiver.receive(other)
        receiver.receive(other)


PART = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.sampled_from([1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7]).map(lambda n: b"x" * n),
)


@both
@settings(max_examples=40, deadline=None)
@given(messages=st.lists(st.lists(PART, min_size=1, max_size=4).map(tuple), max_size=6))
def test_messages_arrive_whole_and_in_order(
    seal: Callable[[bool], Sealed | None], messages: list[tuple[bytes, ...]]
) -> None:
    receiver = Receiver(seal(False))
    carried(messages, seal, receiver)
    assert receiver.messages == messages


@both
def test_parts_that_nobody_needs_are_read_past(seal: Callable[[bool], Sealed | None]) -> None:
    receiver = Receiver(seal(False), wants=lambda number: number == 1)
    carried([(b"header", b"a" * 10**6, b"b" * 10**6, b"c"), (b"next",)], seal, receiver)
    assert receiver.messages == [(b"header", b"", b"b" * 10**6, b""), (b"next",)]


def test_sealed_bytes_show_nothing_and_no_two_messages_look_alike() -> None:
    with connected() as (one, other):
        outgoing = Outgoing(sealed(True))
        for _ in range(2):
            outgoing.put([b"a secret face", b"pixels" * 20])
        assert outgoing.send(one)
        seen = other.recv(10_000)
    assert b"secret" not in seen
    assert b"pixels" not in seen
    assert seen[: len(seen) // 2] != seen[len(seen) // 2 :]


@pytest.mark.parametrize("at", [0, 1, 5, 9, 12, 30, -1])
def test_a_changed_byte_ends_the_link(at: int) -> None:
    with connected() as (one, other):
        outgoing = Outgoing(sealed(True))
        outgoing.put([b"header", b"pixels" * 10])
        assert outgoing.send(one)
        seen = bytearray(other.recv(10_000))
        seen[at] ^= 1
        one.send(seen)
        one.shutdown(socket.SHUT_WR)
        with pytest.raises(LinkEndedError):
            Receiver(sealed(False)).receive(other)


def test_what_was_sent_before_is_not_taken_again() -> None:
    with connected() as (one, other):
        outgoing = Outgoing(sealed(True))
        outgoing.put([b"header"])
        assert outgoing.send(one)
        seen = other.recv(10_000)
        one.send(seen + seen)
        receiver = Receiver(sealed(False))
        with pytest.raises(LinkEndedError, match="not sealed"):
            receiver.receive(other)
    assert receiver.messages == [(b"header",)]


def test_a_missing_package_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"] or ["cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SealMissingError, match=r"pip install \"framewire\[machines\]\""):
        sealed(True)


def test_an_end_refuses_what_it_has_sent_itself() -> None:
    with connected() as (one, other):
        outgoing = Outgoing(sealed(True))
        outgoing.put([b"header"])
        assert outgoing.send(one)
        with pytest.raises(LinkEndedError, match="not sealed"):
            Receiver(sealed(True)).receive(other)


@both
@pytest.mark.parametrize(
    "raw",
    [
        b"\x00",
        b"\xff" + bytes(4 * 255),
        b"\x01" + bytes(4),
        b"\x01\xff\xff\xff\xff",
        b"\x02\x00\x00\x00\x01\x7f\xff\xff\xff",
        b"\x02\x00\x00\x00\x01\x00\x00\x00\x00",
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_bytes_that_are_no_message_end_the_link(seal: Callable[[bool], Sealed | None], raw: bytes) -> None:
    with connected() as (one, other):
        one.send(raw)
        one.shutdown(socket.SHUT_WR)
        with pytest.raises(LinkEndedError):
            Receiver(seal(False)).receive(other)
