"""mqtt(s)://: a message for each frame, and a retained one that says whether we are there."""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from framewire.pipeline.privacy.address import shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.address import parsed
from framewire.stages.publish.places.place import PATIENCE_S, Message, NotNowError, Place, PlaceOptions, up_to
from framewire.stages.publish.places.transport_security import tls_context

PORT, TLS_PORT = 1883, 8883
KEEPALIVE_S = 30
STEP = 50
"""Messages after which acknowledgements are waited for."""
WINDOW = 20
"""Messages that are on their way at once, unless the broker wants fewer: what most allow."""
LATER = frozenset({0x80, 0x83, 0x93, 0x97})
"""MQTT 5's reasons that are no refusal: unspecified, the implementation's, too many in flight, over a quota."""
SENT_MAX = 268_435_455
"""Bytes of a packet, by the protocol."""
FIXED_BYTES = 64
"""Of a packet beside topic and body: header, properties."""
AVAILABILITY = "framewire-availability/{pipeline}/{stage}"


class MqttSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How messages are sent."""

    retain: Annotated[bool, Meta(description="The broker keeps a topic's last message for later subscribers")] = False
    version: Annotated[Literal[3, 5], Meta(description="Protocol version; 3 for old brokers")] = 5
    availability: Annotated[
        str, Meta(description="Topic of a retained `online` or `offline`; {pipeline} and {stage} are filled in")
    ] = AVAILABILITY


class Mqtt(Place):
    """Many messages are on their way at once; all of a batch are acknowledged before the next."""

    Settings = MqttSettings
    library: ClassVar[tuple[str, str]] = ("paho", "mqtt")
    destination: ClassVar[str] = "topic"
    default: ClassVar[str] = "framewire/{pipeline}/{stream}"
    batch_max: int = 2000
    """The end of each batch is waited for: often 40 ms, the time that TCP delays an acknowledgement."""

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._address = parsed(options.to)
        self._tls = tls_context(options) if self._address.scheme == "mqtts" else None
        settings = options.settings
        self._availability = settings.availability.replace("{pipeline}", self.plain(options.pipeline)).replace(
            "{stage}", self.plain(options.stage)
        )
        for name, topic in (("topic", options.destination), ("availability", self._availability)):
            if not topic or "#" in topic or "+" in topic or "\0" in topic:
                raise StageError(f"{name} {topic!r} is not valid: it must not be empty, nor contain +, # or NUL")
        first = options.destination.partition("{")[0]
        if self._availability == options.destination or (first and self._availability.startswith(first)):
            raise StageError(f"availability {self._availability!r} lies in the topic of the messages; name another")
        self._client: Any = None
        self._connected = threading.Event()
        self._gone = threading.Event()
        self._refusal = ""
        self._packet_max = SENT_MAX
        self._window = self._asked_window = WINDOW
        self._codes: dict[int, Any] = {}

    @classmethod
    def plain(cls, value: str) -> str:
        """One level of a topic."""
        return re.sub(r"[/+#\0]", "_", value)

    def open(self) -> None:
        """See Place."""
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        options, settings = self.options, self.options.settings
        self._connected.clear()
        self._gone.clear()
        self._refusal = ""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"framewire-{options.pipeline}-{options.stage}-{time.time_ns():x}",
            protocol=MQTTProtocolVersion.MQTTv5 if settings.version == 5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        user = options.username or self._address.username
        if user:
            client.username_pw_set(user, options.password or self._address.password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if not options.is_trial:
            client.will_set(self._availability, "offline", qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish = self._on_publish
        client.connect_timeout = PATIENCE_S
        client.max_inflight_messages_set(self._window)
        self._client = client
        client.connect(self._address.host, self._port, keepalive=KEEPALIVE_S)
        client.loop_start()
        if not self._connected.wait(PATIENCE_S) or self._refusal:
            raise NotNowError(self._refusal or f"{shown(options.to)} does not answer like a broker")
        if self._asked_window < self._window:
            # The library wants to know before it connects.
            self._window = self._asked_window
            self._leave()
            self.open()
        elif not options.is_trial:
            client.publish(self._availability, "online", qos=1, retain=True).wait_for_publish(PATIENCE_S)

    @property
    def _port(self) -> int:
        return self._address.port or (TLS_PORT if self._tls is not None else PORT)

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        settings = self.options.settings
        self._codes.clear()
        sent: list[tuple[int, Any]] = []
        refused: dict[int, str] = {}
        for number, message in enumerate(messages):
            topic = message.destination.encode()
            size = len(message.body) + len(topic) + FIXED_BYTES
            if size > self._packet_max:
                refused[number] = f"{size} bytes; the broker takes {self._packet_max}"
            elif len(topic) > 65535:
                refused[number] = "the topic is too long"
            else:
                info = self._client.publish(message.destination, message.body, 1, settings.retain)
                sent.append((number, info))
        self._wait_for(sent, refused)
        return refused

    def close(self) -> None:
        """See Place."""
        if self._client is None:
            return
        if self._connected.is_set() and not self._gone.is_set() and not self.options.is_trial:
            # Who leaves in peace has no will: say it ourselves.
            self._client.publish(self._availability, "offline", qos=0, retain=True)
        self._leave()

    def _leave(self) -> None:
        client, self._client = self._client, None
        client.disconnect()
        # It waits until all is written, which a broker that hangs may never allow.
        threading.Thread(target=client.loop_stop, name="mqtt-leaving", daemon=True).start()

    def _wait_for(self, sent: Sequence[tuple[int, Any]], refused: dict[int, str]) -> None:
        """Until these messages, with their numbers, are acknowledged, or refused. Raises NotNowError."""
        # Each wait costs a change of threads; what was sent before is acknowledged before.
        infos = [info for _, info in sent]
        if not all(map(self._is_acknowledged, [*infos[STEP - 1 :: STEP], *infos])):
            why = self._refusal or "the broker is gone, or acknowledges nothing"
            self._take_codes(sent, refused, why)
        self._take_codes(sent, refused)

    def _take_codes(self, sent: Sequence[tuple[int, Any]], refused: dict[int, str], why: str = "") -> None:
        """What the broker has said of each message, up to the first that it has not taken. Raises NotNowError."""
        for number, info in sent:
            code = self._codes.get(info.mid)
            if code is not None and code.value in LATER:
                raise NotNowError(str(code), number, refused=up_to(refused, number))
            if not _is_published(info):
                raise NotNowError(why, number, refused=up_to(refused, number))
            if code is not None:
                refused[number] = str(code)

    def _is_acknowledged(self, info: Any) -> bool:
        until = time.monotonic() + PATIENCE_S
        while not _is_published(info):
            if self._gone.is_set() or time.monotonic() > until:
                return False
            _wait_a_moment(info)
        return True

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._refusal = f"the broker refused the connection: {code}"
        told = getattr(properties, "MaximumPacketSize", None)
        self._packet_max = told or SENT_MAX
        self._asked_window = min(getattr(properties, "ReceiveMaximum", None) or WINDOW, WINDOW)
        self._connected.set()

    def _on_disconnect(self, client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if client is not self._client:
            # We have left it.
            return
        if not self._refusal:
            self._refusal = f"the broker has closed the connection: {code}"
        self._gone.set()
        self.lost(self._refusal)

    def _on_publish(self, _client: Any, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._codes[mid] = code


def _is_published(info: Any) -> bool:
    """Whether a message is acknowledged; one that the library has given up never is."""
    try:
        return bool(info.is_published())
    except (ValueError, RuntimeError):
        return False


def _wait_a_moment(info: Any) -> None:
    try:
        info.wait_for_publish(0.25)
    except (ValueError, RuntimeError) as error:
        raise NotNowError(str(error)) from error
