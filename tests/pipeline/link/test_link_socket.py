"""One connection between two ends that know each other; strangers are sent away, and counted."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import zmq

from framewire.pipeline.link.link_socket import LinkBoot, LinkLostError, LinkSocket

SECRET = b"s" * 32
PATIENCE = 200
"""Turns of ten milliseconds."""


class End:
    """One end with its poller; what it has heard."""

    def __init__(self, boot: LinkBoot) -> None:
        self.poller = zmq.Poller()
        self.link = LinkSocket(boot, self.poller, lambda header, sizes: [None] * len(sizes))
        self.heard: list[bytes] = []

    def turn(self) -> None:
        self.poller.poll(10)
        self.link.run()
        while (header := self.link.waiting()) is not None:
            self.heard.append(header)


def boot(listens: bool, port: int = 0, secret: bytes = SECRET, is_sealed: bool = True) -> LinkBoot:
    return LinkBoot("here", "there", listens, "127.0.0.1", port, secret, is_sealed, "raw", (), ())


@pytest.fixture
def listening() -> Iterator[End]:
    end = End(boot(listens=True))
    with closing(end.link):
        yield end


def turn_until(condition: Callable[[], bool], *ends: End) -> None:
    for _ in range(PATIENCE):
        if condition():
            return
        for end in ends:
            end.turn()
    raise AssertionError("it does not happen")


@pytest.mark.parametrize("is_sealed", [True, False])
def test_both_hear_each_other_from_the_first_word(is_sealed: bool) -> None:
    one = End(boot(listens=True, is_sealed=is_sealed))
    other = End(boot(listens=False, port=one.link.port, is_sealed=is_sealed))
    with closing(one.link), closing(other.link):
        one.link.send([b"early"])
        other.link.send([b"early too", b"with a part"])
        turn_until(lambda: one.heard == [b"early too"] and other.heard == [b"early"], one, other)
        assert one.link.is_up
        assert not (one.link.is_lost or other.link.is_lost)
        assert one.link.sent_bytes == other.link.received_bytes > 0
    assert one.link.refused == 0


def test_strangers_are_sent_away_and_the_right_one_is_heard(listening: End) -> None:
    address = ("127.0.0.1", listening.link.port)
    with socket.create_connection(address), socket.create_connection(address) as speaks:
        speaks.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4)
        knows_another = End(boot(listens=False, port=listening.link.port, secret=b"t" * 32))
        turn_until(lambda: knows_another.link.is_lost, listening, knows_another)
        knows_another.link.close()
        right = End(boot(listens=False, port=listening.link.port))
        with closing(right.link):
            right.link.send([b"hello"])
            turn_until(lambda: listening.heard == [b"hello"], listening, right)
    assert listening.link.refused == 3
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_strangers_without_a_word_do_not_keep_the_right_one_out(listening: End) -> None:
    silent = [socket.create_connection(("127.0.0.1", listening.link.port)) for _ in range(40)]
    right = End(boot(listens=False, port=listening.link.port))
    with closing(right.link):
        turn_until(lambda: listening.link.is_up and right.link.is_up, listening, right)
    assert listening.link.refused == len(silent)
    for one in silent:
        one.close()


def test_an_end_that_goes_is_missed(listening: End) -> None:
    right = End(boot(listens=False, port=listening.link.port))
    turn_until(lambda: listening.link.is_up and right.link.is_up, listening, right)
    right.link.close()
    turn_until(lambda: listening.link.is_lost, listening)
    listening.link.send([b"into the void"])
    listening.turn()


def test_one_that_seals_does_not_hear_one_that_does_not(listening: End) -> None:
    right = End(boot(listens=False, port=listening.link.port, is_sealed=False))
    with closing(right.link):
        right.link.send([b"in the clear, as if nobody were listening"])
        turn_until(lambda: right.link.is_lost, listening, right)
    assert (listening.link.refused, listening.link.is_up, listening.heard) == (1, False, [])


def test_nobody_there_is_a_lost_link() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(LinkLostError):
        End(boot(listens=False, port=port))
