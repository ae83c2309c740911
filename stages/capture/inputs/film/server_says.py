"""What a web server says of a source before it is opened: a stream that goes on, or something with an end."""

import base64
import ssl
import urllib.error
import urllib.request
from enum import Enum
from http.client import HTTPException
from urllib.parse import unquote, urlsplit, urlunsplit

PATIENCE_S = 3.0
"""How long a server may take to answer with headers: cameras need a tenth of it."""
GOES_ON = "multipart/"
"""Motion JPEG: one picture after the other, for ever."""
ANIMATIONS = ("image/gif", "image/apng", "image/webp", "image/avif")
PLAYLISTS = ("mpegurl", "dash+xml")
"""Kinds of lists of pieces of a film, which may or may not have an end."""


class Says(Enum):
    """What a server has there."""

    STREAM = "stream"
    FILM = "film"
    PLAYLIST = "playlist"


def what_server_has(address: str, verifies: bool) -> Says:
    """A film if the answer has a length, and is no picture; a stream if there is no answer that we understand."""
    try:
        with urllib.request.urlopen(_request(address), timeout=PATIENCE_S, context=_context(verifies)) as answer:
            kind = answer.headers.get_content_type()
            has_length = answer.headers.get("Content-Length") is not None
    except (OSError, urllib.error.URLError, HTTPException, ValueError):
        return Says.STREAM
    if any(word in kind for word in PLAYLISTS):
        return Says.PLAYLIST
    is_snapshot = kind.startswith("image/") and kind not in ANIMATIONS
    return Says.FILM if has_length and not kind.startswith(GOES_ON) and not is_snapshot else Says.STREAM


def _request(address: str) -> urllib.request.Request:
    """Only the headers are read. urllib takes no password in an address."""
    parts = urlsplit(address)
    credentials, has_any, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))
    if has_any:
        basic = base64.b64encode(unquote(credentials).encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    return request


def _context(verifies: bool) -> ssl.SSLContext:
    return ssl.create_default_context() if verifies else ssl._create_unverified_context()
