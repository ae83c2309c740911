"""What a web server says of a source before it is opened: a stream that goes on, or something with an end."""

import base64
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import unquote, urlsplit, urlunsplit

PATIENCE_S = 3.0
"""How long a server may take to answer with headers: cameras need a tenth of it."""
GOES_ON = "multipart/"
"""Motion JPEG: one picture after the other, for ever."""
PLAYLISTS = ("mpegurl", "dash+xml")
"""Kinds of lists of pieces of a film, which may or may not have an end."""


def may_have_an_end(address: str, verifies: bool) -> bool:
    """Whether the answer has a length, or is a playlist. False if there is no answer, or none that we understand."""
    try:
        with urllib.request.urlopen(_request(address), timeout=PATIENCE_S, context=_context(verifies)) as answer:
            kind = answer.headers.get_content_type()
            has_length = answer.headers.get("Content-Length") is not None
    except (OSError, urllib.error.URLError, HTTPException, ValueError):
        return False
    is_playlist = any(word in kind for word in PLAYLISTS)
    return not kind.startswith(GOES_ON) and (has_length or is_playlist)


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
