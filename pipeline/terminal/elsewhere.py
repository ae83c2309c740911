"""Queries a run in another process: its server's JSON, decoded into our types."""

import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import TypeVar

import msgspec

from framewire.pipeline.server.listen import DEFAULT, ORDER_HEADER, TOKEN_VARIABLE

TIMEOUT_S = 5.0
T = TypeVar("T")


class NoAnswerError(Exception):
    """The run does not answer, or not as a run does; the text names the address and the fix."""


def ask(url: str, path: str, kind: type[T]) -> T:
    """Get `path` from the server at `url`. The token is in the URL, or in FRAMEWIRE_TOKEN. Raises NoAnswerError."""
    with answering(url, path, TIMEOUT_S) as answer:
        return msgspec.json.decode(answer.read(), type=kind)


def order(url: str, path: str) -> str:
    """Post `path` to the server at `url`: see `ask`. Returns what it says. Raises NoAnswerError."""
    with answering(url, path, TIMEOUT_S, {ORDER_HEADER: "1"}) as answer:
        return answer.read().decode().strip()


@contextmanager
def answering(url: str, path: str, timeout_s: float, order: Mapping[str, str] | None = None) -> Iterator[HTTPResponse]:
    """The open answer of the server: see `ask`. Raises NoAnswerError, for what goes wrong while it is read, too.

    An `order` is posted, with these headers.
    """
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    token = urllib.parse.parse_qs(parts.query).get("token", [os.environ.get(TOKEN_VARIABLE, "")])[0]
    place = f"{parts.scheme}://{parts.netloc}"
    method = "GET" if order is None else "POST"
    request = urllib.request.Request(place + path, method=method, headers=dict(order or {}))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        cure = f"; set {TOKEN_VARIABLE} to its token" if error.code == 401 else ""
        raise NoAnswerError(f"{place}: {error.code} {error.reason}{cure}") from error
    except BrokenPipeError:
        raise
    except (OSError, ValueError, msgspec.DecodeError) as error:
        why = getattr(error, "reason", error)
        raise NoAnswerError(f"no run answers at {place} ({why}); a run logs its address, usually {DEFAULT}") from error
