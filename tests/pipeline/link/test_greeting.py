"""Two ends that know the same secret find each other; nobody else is greeted."""

import pytest

from framewire.pipeline.link.greeting import HELLO_BYTES, MAGIC, PROOF_BYTES, Greeting, StrangerError

SECRET = b"s" * 32


def said(greeting: Greeting) -> bytes:
    outgoing, greeting.outgoing = greeting.outgoing, b""
    return outgoing


def test_both_agree_on_what_no_other_connection_has() -> None:
    salts = set()
    for _ in range(2):
        dials, listens = Greeting(SECRET, listens=False), Greeting(SECRET, listens=True)
        listens.take(said(dials))
        dials.take(said(listens))
        listens.take(said(dials))
        assert listens.needs == 0
        dials.take(said(listens))
        assert dials.needs == 0
        assert dials.agreed == listens.agreed
        salts.add(dials.agreed.salt)
    assert len(salts) == 2


def test_who_listens_proves_nothing_to_who_has_not() -> None:
    listens = Greeting(SECRET, listens=True)
    listens.take(MAGIC + bytes(32))
    assert len(said(listens)) == HELLO_BYTES
    with pytest.raises(StrangerError, match="secret"):
        listens.take(bytes(PROOF_BYTES))
    assert said(listens) == b""


@pytest.mark.parametrize("listens", [True, False])
def test_another_secret_is_none(listens: bool) -> None:
    one, other = Greeting(SECRET, listens=listens), Greeting(b"t" * 32, listens=not listens)
    mine, theirs = said(one), said(other)
    one.take(theirs)
    other.take(mine)
    with pytest.raises(StrangerError, match="secret"):
        (other if listens else one).take(said(one if listens else other) or bytes(PROOF_BYTES))


def test_its_own_proof_proves_nothing() -> None:
    """Who has the same random part sent back, and then the proof, has learnt nothing."""
    dials = Greeting(SECRET, listens=False)
    dials.take(said(dials))
    with pytest.raises(StrangerError, match="secret"):
        dials.take(said(dials))


def test_another_protocol_is_told_at_its_first_bytes() -> None:
    with pytest.raises(StrangerError, match="no end of a link"):
        Greeting(SECRET, listens=True).take(b"GET / HTTP/1.1\r\n".ljust(HELLO_BYTES))
