"""kafka(s)://: idempotent and in order, a partition for each key."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import unquote

from msgspec import Meta, Struct

from framewire.pipeline.privacy.address import HINT, is_ambiguous, shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.address import credentials_in
from framewire.stages.publish.places.place import PATIENCE_S, Message, NotNowError, Place, PlaceOptions, up_to
from framewire.stages.publish.places.transport_security import tls_context

TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
ALIASES = {"sasl.mechanisms": "sasl.mechanism"}
OURS = ("bootstrap.servers", "enable.idempotence")


class KafkaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What librdkafka is told beyond what we do."""

    config: Annotated[
        dict[str, str | int | float | bool], Meta(description="Its own settings, such as {compression.type: zstd}")
    ] = {}


class Kafka(Place):
    """Several brokers: kafka://HOST:9092,HOST2:9092."""

    Settings = KafkaSettings
    library: ClassVar[tuple[str, str]] = ("confluent_kafka", "kafka")
    destination: ClassVar[str] = "topic"
    default: ClassVar[str] = "framewire.{pipeline}"
    keyed: ClassVar[bool] = True

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        scheme, _, rest = options.to.partition("://")
        if is_ambiguous(options.to):
            raise StageError(f"the address {shown(options.to)} cannot be read; {HINT}")
        self._servers = rest.rpartition("@")[2].rstrip("/")
        if not self._servers:
            raise StageError(f"{shown(options.to)} names no broker; write kafka://HOST:9092")
        self._is_safe = scheme.lower() == "kafkas"
        if self._is_safe:
            tls_context(options)
        if "{" not in options.destination and not TOPIC.fullmatch(options.destination):
            raise StageError(f"topic {options.destination!r}: Kafka takes letters, digits, . _ and -, at most 249")
        if wrong := [name for name in OURS if name in options.settings.config]:
            raise StageError(f"settings.config.{wrong[0]} is set by Framewire")
        self._producer: Any = None
        self._error = ""

    @classmethod
    def plain(cls, value: str) -> str:
        """See Place."""
        return re.sub(r"[^A-Za-z0-9_-]", "_", value)

    def open(self) -> None:
        """See Place."""
        from confluent_kafka import Producer

        self._error = ""
        self._producer = Producer(
            {
                "linger.ms": 5,
                "client.id": f"framewire-{self.options.pipeline}-{self.options.stage}",
                **self.options.settings.config,
                **self._credentials(),
                "bootstrap.servers": self._servers,
                "enable.idempotence": True,
                "error_cb": self._on_error,
                "logger": self.options.log,
            }
        )
        self._producer.list_topics(timeout=PATIENCE_S)

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        from confluent_kafka import KafkaException

        done: dict[int, Any] = {}
        refused: dict[int, str] = {}
        for number, message in enumerate(messages):
            try:
                self._produce(number, message, done)
            except KafkaException as error:
                if not is_refusal(error.args[0]):
                    raise
                refused[number] = error.args[0].str()
        until = time.monotonic() + PATIENCE_S
        while len(done) + len(refused) < len(messages):
            if self._producer.poll(0.25):
                until = time.monotonic() + PATIENCE_S
            if time.monotonic() > until:
                self._take(messages, done, refused, self._error or "the brokers acknowledge nothing")
        self._take(messages, done, refused)
        return refused

    def _take(
        self, messages: Sequence[Message], done: Mapping[int, Any], refused: dict[int, str], why: str = ""
    ) -> None:
        """What the brokers have said of each message, up to the first that they have not taken. Raises NotNowError."""
        for number in range(len(messages)):
            if number in refused:
                continue
            wrong = done.get(number)
            if number not in done or (wrong is not None and not is_refusal(wrong)):
                raise NotNowError(why if wrong is None else wrong.str(), number, refused=up_to(refused, number))
            if wrong is not None:
                refused[number] = wrong.str()

    def close(self) -> None:
        """See Place."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # What was not acknowledged comes again.
            producer.purge()
            producer.poll(0)

    def _produce(self, number: int, message: Message, done: dict[int, Any]) -> None:
        headers = [("run", message.run.encode()), ("stream", message.stream.encode()), ("seq", b"%d" % message.seq)]

        def on_delivery(error: Any, _message: Any) -> None:
            done[number] = error

        while True:
            try:
                self._producer.produce(
                    message.destination, message.body, message.key, on_delivery=on_delivery, headers=headers
                )
                return
            except BufferError:
                self._producer.poll(0.25)

    def _credentials(self) -> dict[str, str]:
        options = self.options
        user, password = credentials_in(options.to)
        user, password = options.username or unquote(user), options.password or unquote(password)
        named = {
            "ssl.ca.location": options.ca_file,
            "ssl.certificate.location": options.cert_file,
            "ssl.key.location": options.key_file,
            "sasl.username": user,
            "sasl.password": password,
            "sasl.mechanism": "PLAIN" if user else "",
            "security.protocol": f"{'SASL_' if user else ''}{'SSL' if self._is_safe else 'PLAINTEXT'}".lower(),
        }
        theirs = {ALIASES.get(name, name) for name in options.settings.config}
        return {name: value for name, value in named.items() if value and name not in theirs}

    def _on_error(self, error: Any) -> None:
        self._error = error.str()


def is_refusal(error: Any) -> bool:
    """Whether the same message would never be taken."""
    from confluent_kafka import KafkaError

    return error.code() in (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_RECORD,
        KafkaError.RECORD_LIST_TOO_LARGE,
    )
