"""Addresses without their secrets: names, passwords, tokens, wherever in them people put these."""

import re

HIDDEN = "***"
HINT = "in a user name or password, write %23 for #, %2F for /, %3F for ?, %40 for @"
"""How to write what cannot stand in an address as it is."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*")
_ENDS = re.compile(r"[/?#]")
_SECRET = re.compile(
    r"(?:user|login|pass|pwd|token|key|secret|auth|sig|session|sid|credential|code)[a-z_]*=", re.IGNORECASE
)
"""What comes before a secret in a path, as some cameras want it: `/user=admin_password=..._channel=1`."""
_VALUE = re.compile(r"=[^&;]*")
_PUNCTUATION = ".,:;)]}"


def shown(source: str) -> str:
    """The address without secrets: user and password, values in the query, and what the path has of them.

    If it cannot be told where the password ends, nothing but the scheme is left.
    """
    scheme, is_address, rest = source.partition("://")
    if not is_address:
        return source
    if is_ambiguous(source):
        return f"{scheme}://{HIDDEN}"
    _, has_any, place = rest.rpartition("@")
    before, has_query, query = place.partition("#")[0].partition("?")
    secret = _SECRET.search(before)
    path = f"{before[: secret.end()]}{HIDDEN}" if secret else before
    hidden = _VALUE.sub(f"={HIDDEN}", query) if "=" in query else HIDDEN
    return f"{scheme}://{f'{HIDDEN}@' if has_any else ''}{path}{f'?{hidden}' if has_query else ''}"


def is_ambiguous(source: str) -> bool:
    """Whether a slash, a question mark or a hash comes before an @: it may be part of a password."""
    before, has_any, _ = source.partition("://")[2].rpartition("@")
    return bool(has_any and _ENDS.search(before))


def without_secrets(text: str) -> str:
    """Any text, with each address in it as `shown`."""
    return _ADDRESS.sub(lambda found: _in_text(found[0]), text) if "://" in text else text


def _in_text(found: str) -> str:
    address = found.rstrip(_PUNCTUATION)
    return shown(address) + found[len(address) :]
