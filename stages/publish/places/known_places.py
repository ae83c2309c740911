"""Which place an address names: by its scheme, or a class of the user's own."""

import importlib
import importlib.util

from framewire.pipeline.nearest import nearest
from framewire.pipeline.privacy.address import shown
from framewire.pipeline.registry import UnknownStageError, find_class
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import Place

_HERE = "framewire.stages.publish.places"
PLACES = {
    "mqtt": f"{_HERE}.brokers.mqtt:Mqtt",
    "mqtts": f"{_HERE}.brokers.mqtt:Mqtt",
    "kafka": f"{_HERE}.brokers.kafka:Kafka",
    "kafkas": f"{_HERE}.brokers.kafka:Kafka",
    "redis": f"{_HERE}.brokers.redis_streams:RedisStreams",
    "rediss": f"{_HERE}.brokers.redis_streams:RedisStreams",
    "nats": f"{_HERE}.brokers.jetstream:JetStream",
    "tls": f"{_HERE}.brokers.jetstream:JetStream",
    "http": f"{_HERE}.webhook:Webhook",
    "https": f"{_HERE}.webhook:Webhook",
    "sqlite": f"{_HERE}.tables.sqlite:Sqlite",
    "postgresql": f"{_HERE}.tables.postgres:Postgres",
    "postgres": f"{_HERE}.tables.postgres:Postgres",
    "parquet": f"{_HERE}.tables.parquet:Parquet",
}
"""The class for each scheme, imported only when it is used."""


def place_of(to: str) -> type[Place]:
    """The class for an address, or for `module:Class`. Raises StageError."""
    scheme, is_address, _ = to.partition("://")
    if not is_address:
        return _own(to)
    target = PLACES.get(scheme.lower())
    if target is None:
        near = nearest(scheme, list(PLACES)) or f"; choose from {', '.join(PLACES)}, or write module:Class"
        raise StageError(f"{shown(to)}: unknown scheme {scheme!r}{near}")
    module, _, name = target.partition(":")
    found: type[Place] = getattr(importlib.import_module(module), name)
    library, extra = found.library
    if library and not _is_installed(library):
        raise StageError(f'{scheme}:// needs {library}; run `pip install "framewire[{extra}]"`')
    return found


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:
        return False


def _own(to: str) -> type[Place]:
    if ":" not in to:
        raise StageError(f"{to!r} is not an address; write one such as mqtt://localhost, or module:Class")
    try:
        found = find_class(to)
    except UnknownStageError as error:
        raise StageError(str(error)) from error
    if not (isinstance(found, type) and issubclass(found, Place)):
        raise StageError(f"{to} is not a Place: it must derive from framewire.Place")
    return found
