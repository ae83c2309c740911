"""How two ends of a link find that they know the same secret: each proves it over what both have just made up.

    dials:   MAGIC, 32 random bytes                 listens: MAGIC, 32 random bytes
    dials:   proof                                  listens: proof, once the other's is right

A proof is HMAC-SHA256 of both random parts by the secret, for one direction, and for going on sealed or in the clear:
nothing that was overheard proves anything to anybody, not even to the one who said it.
"""

import hashlib
import hmac
import secrets

from msgspec import Struct

MAGIC = b"FWLINK 1"
RANDOM_BYTES = 32
HELLO_BYTES = len(MAGIC) + RANDOM_BYTES
PROOF_BYTES = 32
DIALS = b"dials"
LISTENS = b"listens"
SEALED = b"sealed"
PLAIN = b"plain"


class StrangerError(Exception):
    """The other end does not speak our language, or does not know the secret."""


class Agreed(Struct, frozen=True):
    """What both ends have once they have greeted: the secret, and what both made up, which no connection repeats."""

    secret: bytes
    salt: bytes


class Greeting:
    """One end's part of it, without any socket.

    Example:
        greeting = Greeting(secret, listens=True)
        greeting.outgoing           # to send
        greeting.needs              # how many bytes to read next; 0 when it is done
        greeting.take(raw)          # exactly so many: then look at `outgoing` again
        greeting.agreed
    """

    def __init__(self, secret: bytes, listens: bool, is_sealed: bool = True) -> None:
        """Both ends must mean to seal what follows, or not to."""
        self._secret = secret
        self._form = SEALED if is_sealed else PLAIN
        self._listens = listens
        self._mine = secrets.token_bytes(RANDOM_BYTES)
        self._salt = b""
        self.needs = HELLO_BYTES
        self.outgoing = MAGIC + self._mine

    def take(self, raw: bytes) -> None:
        """What the other end has said. Raises StrangerError."""
        if not self._salt:
            self._hello(raw)
            return
        if not hmac.compare_digest(raw, self._proof(DIALS if self._listens else LISTENS)):
            raise StrangerError("it does not know the secret of this link")
        self.needs = 0
        if self._listens:
            self.outgoing += self._proof(LISTENS)

    @property
    def agreed(self) -> Agreed:
        """What both know now."""
        assert self.needs == 0
        return Agreed(self._secret, self._salt)

    def _hello(self, raw: bytes) -> None:
        magic, theirs = raw[: len(MAGIC)], raw[len(MAGIC) :]
        if magic != MAGIC:
            raise StrangerError("it is no end of a link")
        self._salt = theirs + self._mine if self._listens else self._mine + theirs
        self.needs = PROOF_BYTES
        if not self._listens:
            self.outgoing += self._proof(DIALS)

    def _proof(self, who: bytes) -> bytes:
        return hmac.new(self._secret, who + self._form + self._salt, hashlib.sha256).digest()
