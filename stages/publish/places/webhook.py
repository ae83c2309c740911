"""http(s)://: each message, or several as lines, in a POST request, signed as Standard Webhooks are."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from msgspec import Meta, Struct

from framewire.pipeline.option import Secret
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.address import parsed
from framewire.stages.publish.places.place import PATIENCE_S, Message, NotNowError, Place, PlaceOptions, one_by_one
from framewire.stages.publish.places.transport_security import tls_context

LATER = frozenset({408, 425, 429})
"""Statuses of 4xx that are no refusal: the same request may be answered otherwise later."""
AFTER_MAX_S = 300.0
"""Nobody is waited for longer because he says so."""
REQUESTS = 20
"""After so many, what was delivered is settled: a slow receiver gets on, too."""
WHY_LENGTH = 200
SECRET_PREFIX = "whsec_"
"""How Standard Webhooks writes a secret that is base64."""


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests look."""

    secret: Annotated[
        Secret, Meta(description="Signs each request: webhook-signature, HMAC-SHA256 as of standardwebhooks.com")
    ] = ""
    headers: Annotated[dict[str, Secret], Meta(description="Sent with each request")] = {}
    at_once: Annotated[
        int, Meta(ge=1, le=1000, description="Messages in a request, as lines of JSON if there are several")
    ] = 1


class Webhook(Place):
    """One request after the other, on one connection."""

    Settings = WebhookSettings
    library: ClassVar[tuple[str, str]] = ("httpx2", "webhook")

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._address = parsed(options.to)
        self._tls = tls_context(options) if self._address.scheme == "https" else None
        self._secret = _secret(options.settings.secret)
        for name, value in {"token": options.token, **options.settings.headers}.items():
            if not value.isprintable() or not value.isascii() or value != value.strip():
                raise StageError(
                    f"{name}: not a valid header: it has control characters, spaces around it, or is not ASCII"
                )
        self.batch_max = REQUESTS * options.settings.at_once
        self._client: Any = None

    def open(self) -> None:
        """See Place."""
        import httpx2

        options = self.options
        headers = {"user-agent": "framewire", **options.settings.headers}
        if options.token:
            headers["authorization"] = f"Bearer {options.token}"
        user = options.username or self._address.username
        auth = (user, options.password or self._address.password) if user else None
        self._client = httpx2.Client(
            headers=headers,
            auth=auth,
            timeout=PATIENCE_S,
            verify=self._tls if self._tls is not None else True,
            follow_redirects=False,
            # The environment's proxies would see what is said of people.
            trust_env=False,
        )

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        step = self.options.settings.at_once
        refused: dict[int, str] = {}
        for start in range(0, len(messages), step):
            try:
                part = self._request(messages[start : start + step])
            except NotNowError as error:
                refused |= {start + number: why for number, why in error.refused.items()}
                raise NotNowError(str(error), start + error.delivered, error.after_s, refused) from error
            refused |= {start + number: why for number, why in part.items()}
        return refused

    def _request(self, messages: Sequence[Message]) -> dict[int, str]:
        """All in one; if that is refused, one by one: only the culprits are. Raises NotNowError."""
        why = self._post(messages)
        if not why or len(messages) == 1:
            return {0: why} if why else {}
        return one_by_one(messages, lambda one: self._post([one]))

    def close(self) -> None:
        """See Place."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _post(self, messages: Sequence[Message]) -> str:
        """Send one request; returns why it was refused, empty if it was not. Raises NotNowError."""
        import httpx2

        body = b"\n".join(message.body for message in messages)
        kind = "application/json" if len(messages) == 1 else "application/x-ndjson"
        name = _name_of(messages)
        headers = {"content-type": kind, "idempotency-key": name, **self._signature(name, body)}
        try:
            answer = self._client.post(self.options.to, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise NotNowError(f"{type(error).__name__}: {error}") from error
        status = answer.status_code
        if 200 <= status < 300:
            return ""
        why = f"{status} {answer.reason_phrase}"
        if 300 <= status < 400:
            raise NotNowError(f"{why}: the address redirects; use the target's address")
        if status in LATER or not 400 <= status < 500:
            raise NotNowError(why, after_s=_seconds(answer.headers.get("retry-after", "")))
        said = " ".join(answer.text[:WHY_LENGTH].split())
        return f"{why}: {said}" if said else why

    def _signature(self, name: str, body: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        headers = {"webhook-id": name, "webhook-timestamp": at}
        if self._secret:
            signed = hmac.new(self._secret, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
            headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        return headers


def _name_of(messages: Sequence[Message]) -> str:
    """Of one message its id; of several a name that no other group has."""
    if len(messages) == 1:
        return quote(messages[0].id)
    ids = "\n".join(message.id for message in messages)
    return f"{quote(messages[0].id)}+{hashlib.sha256(ids.encode()).hexdigest()[:16]}"


def _secret(text: str) -> bytes:
    """A secret of any bytes as base64 behind `whsec_`, or any text as it is. Raises StageError."""
    if not text.startswith(SECRET_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise StageError("settings.secret: what follows whsec_ is not base64") from error


def _seconds(retry_after: str) -> float:
    """Of a Retry-After header in seconds; a date is not waited for."""
    return min(float(retry_after), AFTER_MAX_S) if retry_after.isdecimal() else 0.0
