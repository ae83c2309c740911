"""What protects the bytes of a link: AES-256-GCM with keys of this connection alone.

An own record layer, since TLS and CURVE cost twice as much for pictures: see docs/architecture.md. Cipher and key
derivation are those of the `cryptography` package. A key is used in one direction of one connection; the nonce counts.
"""

from framewire.pipeline.link.greeting import Agreed

TAG_BYTES = 16
KEY_BYTES = 32
SEAL_MISSING = (
    'pictures to other machines are encrypted, and the package for it is missing: `pip install "framewire[machines]"`'
)
TO_DIALER = b"framewire link, to the end that dials"
TO_LISTENER = b"framewire link, to the end that listens"


class BrokenSealError(Exception):
    """What came was not sealed by the other end, or was changed, left out or repeated on its way."""


class SealMissingError(Exception):
    """The package that seals is not installed; the text says how to get it."""


class Sealed:
    """Seals what is sent and opens what is received, chunk by chunk, in order: AES-256-GCM."""

    def __init__(self, agreed: Agreed, listens: bool) -> None:
        """Raises SealMissingError."""
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF
        except ImportError as error:
            raise SealMissingError(SEAL_MISSING) from error

        def cipher(way: bytes) -> AESGCM:
            return AESGCM(HKDF(SHA256(), KEY_BYTES, agreed.salt, way).derive(agreed.secret))

        to_dialer, to_listener = cipher(TO_DIALER), cipher(TO_LISTENER)
        self._sealer, self._opener = (to_dialer, to_listener) if listens else (to_listener, to_dialer)
        self._sealed = 0
        self._opened = 0
        self._invalid = InvalidTag

    def seal(self, chunk: memoryview, bound: bytes, target: bytearray) -> memoryview:
        """The next chunk to send, sealed: a view of `target`. `bound` is vouched for, too."""
        sealed = memoryview(target)[: chunk.nbytes + TAG_BYTES]
        self._sealer.encrypt_into(_nonce(self._sealed), chunk, bound, sealed)
        self._sealed += 1
        return sealed

    def open(self, sealed: memoryview, bound: bytes, target: memoryview) -> None:
        """Fill the target with the next chunk that was received. Raises BrokenSealError."""
        try:
            self._opener.decrypt_into(_nonce(self._opened), sealed, bound, target)
        except self._invalid as error:
            raise BrokenSealError from error
        self._opened += 1


def _nonce(count: int) -> bytes:
    return count.to_bytes(12, "big")
