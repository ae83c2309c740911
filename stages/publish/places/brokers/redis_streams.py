"""redis(s)://: an entry of a Redis stream for each message: XADD KEY * run stream seq message."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from framewire.stages.publish.places.address import parsed
from framewire.stages.publish.places.place import PATIENCE_S, Message, NotNowError, Place, PlaceOptions, one_by_one
from framewire.stages.publish.places.transport_security import tls_context

LATER = (
    "OOM",
    "LOADING",
    "READONLY",
    "MISCONF",
    "BUSY",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "NOREPLICAS",
    "NOAUTH",
)
"""What may be answered otherwise later: of memory, disk and replicas, and of who we are."""
CAUSED = "caused error: "
"""Behind it stands what Redis said, before it the command, with all of the message."""


class RedisSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much Redis keeps."""

    max_length: Annotated[int, Meta(ge=0, description="Newest entries kept per stream, approximately; 0: all")] = 0


class RedisStreams(Place):
    """A batch is one transaction: all of it is there, in order, or nothing."""

    Settings = RedisSettings
    library: ClassVar[tuple[str, str]] = ("redis", "redis")
    destination: ClassVar[str] = "key"
    default: ClassVar[str] = "framewire:{pipeline}:{stream}"

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._address = parsed(options.to)
        if self._address.scheme == "rediss":
            tls_context(options)
        self._client: Any = None

    def open(self) -> None:
        """See Place."""
        import redis

        options = self.options
        given: dict[str, Any] = {}
        if self._address.scheme == "rediss":
            files = {
                "ssl_ca_certs": options.ca_file,
                "ssl_certfile": options.cert_file,
                "ssl_keyfile": options.key_file,
            }
            given = {name: path for name, path in files.items() if path}
        if options.username:
            given["username"] = options.username
        if options.password:
            given["password"] = options.password
        self._client = redis.Redis.from_url(
            options.to, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=None, **given
        )
        self._client.ping()

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        import redis

        try:
            answers = self._execute(messages)
        except redis.ResponseError as error:
            if len(messages) > 1 and is_refusal(error):
                # Refused as a whole: only the culprits are.
                return one_by_one(messages, lambda one: self.send([one]).get(0, ""))
            answers = [error]
        except redis.RedisError as error:
            raise NotNowError(plain(error)) from error
        refused: dict[int, str] = {}
        for number, answer in enumerate(answers):
            if isinstance(answer, Exception):
                if not is_refusal(answer):
                    raise NotNowError(plain(answer), number, refused=refused)
                refused[number] = plain(answer)
        return refused

    def _execute(self, messages: Sequence[Message]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=True)
        limit = self.options.settings.max_length or None
        for message in messages:
            fields = {"run": message.run, "stream": message.stream, "seq": message.seq, "message": message.body}
            pipeline.xadd(message.destination, fields, maxlen=limit, approximate=True)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers

    def close(self) -> None:
        """See Place."""
        if self._client is not None:
            self._client.close()
            self._client = None


def plain(error: Exception) -> str:
    """What Redis said, without the command."""
    return str(error).rpartition(CAUSED)[2]


def is_refusal(error: Exception) -> bool:
    """Whether the same command would always be answered so."""
    code = str(getattr(error, "status_code", "") or plain(error).split(" ", 1)[0])
    return not code.startswith(LATER)
