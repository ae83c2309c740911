"""Who may see faces: those with the token, and no page of another site, whatever name it gives this machine."""

import base64
import binascii
import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/healthz", "/readyz")
"""Probes reveal nothing about anyone, and their callers can rarely keep a secret."""
COOKIE = "framewire"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """Admits requests with the token: as a bearer, basic auth password or `?token=`, then as a cookie.

    Without a token, on loopback, the Host header must name loopback: a remote site that points its own name at
    127.0.0.1 (DNS rebinding) sees nothing.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        new_cookie = False
        if scope["path"] not in OPEN:
            if self._token:
                new_cookie = self._knows(parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0])
                if not (new_cookie or self._shown(headers)):
                    text = "this page shows people: a token is required; see the run's log\n"
                    refusal = PlainTextResponse(text, 401, {"WWW-Authenticate": 'Basic realm="framewire"'})
                    await refusal(scope, receive, send)
                    return
            elif not _is_local(headers.get("host", "")):
                await PlainTextResponse("use localhost as the host\n", 421)(scope, receive, send)
                return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
                if new_cookie:
                    value = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    message["headers"].append((b"set-cookie", value.encode()))
            await send(message)

        await self._app(scope, receive, sending)

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _shown(self, headers: Headers) -> bool:
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._knows(value.strip()):
            return True
        if kind.lower() == "basic" and self._knows(_password(value)):
            return True
        return self._knows(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))


def _password(value: str) -> str:
    try:
        return base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_local(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.strip("[]").lower() in LOCAL_NAMES
