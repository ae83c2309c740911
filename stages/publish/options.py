"""The options of publish, and what follows from them: the class of the place, and what it is made of."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.option import InputFile, Labels, OptionError, PrivateFile, Secret, check_values, labels_of
from framewire.pipeline.stage import StageError
from framewire.pipeline.stage_context import StageContext
from framewire.stages.publish.places.address import address_secrets
from framewire.stages.publish.places.known_places import place_of
from framewire.stages.publish.places.place import Place, PlaceOptions
from framewire.stages.publish.selection import EVENT_FIELDS, Selection, What
from framewire.stages.publish.templates import Template

KEY_DEFAULT = "{stream}"


class PublishOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published, and where."""

    to: Annotated[
        str,
        Meta(
            min_length=1,
            description="The address: mqtt(s)://, kafka(s)://, redis(s)://, nats:// or tls://, http(s)://, "
            "sqlite:///FILE, postgresql://, parquet:///FOLDER, or module:Class, a place of your own",
        ),
    ]
    what: Annotated[
        What,
        Meta(
            description="Each frame; only frames in which something happens (`count`, your own events); or only "
            "when what is said of a track changes"
        ),
    ] = "frames"
    of: Annotated[
        Labels | None, Meta(description="Only frames that have a detection of this label, or of one of these")
    ] = None
    where: Annotated[
        dict[str, str],
        Meta(
            description="{emotion: happy}: only frames that have a detection with all these attributes; of events: "
            "{kind: crossed, line: door}"
        ),
    ] = {}
    every_s: Annotated[
        float, Meta(ge=0, description="At most one message per stream in this many seconds of the stream; 0: all")
    ] = 0.0
    topic: Annotated[
        str, Meta(description="For MQTT, Kafka and NATS; {stream}, {pipeline}, {stage} and {what} are filled in")
    ] = ""
    key: Annotated[str, Meta(description="Redis: the stream's key; Kafka: the messages' key; a template")] = ""
    table: Annotated[str, Meta(description="Databases: the table; Parquet: the folder of its files; a template")] = ""
    username: Annotated[str, Meta(description="If not in the address")] = ""
    password: Annotated[Secret, Meta(description="If not in the address; best as ${NAME}, from the environment")] = ""
    token: Annotated[Secret, Meta(description="Instead of a password: a NATS token, or a webhook's bearer token")] = ""
    ca_file: Annotated[
        InputFile, Meta(description="CA certificates that must have signed the server's; default: the system's")
    ] = ""
    cert_file: Annotated[PrivateFile, Meta(description="Client certificate, for servers that ask for one")] = ""
    key_file: Annotated[PrivateFile, Meta(description="Its private key")] = ""
    settings: Annotated[
        dict[str, Any],
        Meta(description="Settings of this kind of place alone, such as {retain: true}; see docs/publish.md"),
    ] = {}
    spool_mb: Annotated[int, Meta(ge=1, description="Disk that waiting messages may take, in MiB")] = 256
    full: Annotated[
        Literal["auto", "wait", "drop_oldest"],
        Meta(
            description="When spool_mb is reached: the stream waits; or the oldest messages are dropped, and the run "
            "exits with 1; auto: live streams drop, others wait"
        ),
    ] = "auto"
    flush_s: Annotated[float, Meta(ge=0, le=3600, description="How long the run waits for delivery at its end")] = 10.0


class Publishing(Struct, frozen=True):
    """What options come to: checked, and ready to be used."""

    place: type[Place]
    options: PlaceOptions
    destination: Template
    key: Template | None
    selection: Callable[[], Selection]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text of a library may show."""
        own = (self.options.password, self.options.token, *address_secrets(self.options.to))
        return tuple(secret for text in own for secret in (text, text.strip()) if secret)

    def make(self) -> Place:
        """A new place. Raises StageError."""
        return self.place(self.options)

    def make_trial(self) -> Place:
        """One that only tries to connect. Raises StageError."""
        return self.place(msgspec.structs.replace(self.options, is_trial=True))


def publishing(options: PublishOptions, context: StageContext) -> Publishing:
    """Check everything that can be checked without asking anybody. Raises StageError."""
    cls = place_of(options.to)
    try:
        settings = check_values(cls.Settings, options.settings)
    except OptionError as error:
        raise StageError(f"settings: {error}") from error
    destination = Template(cls.destination, _destination(cls, options))
    checked = PlaceOptions(
        to=options.to,
        stage=context.name,
        pipeline=context.pipeline,
        out=Path(context.out),
        destination=destination.text,
        username=options.username,
        password=options.password,
        token=options.token,
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
        settings=settings,
        log=context.log,
    )
    key = Template("key", options.key or KEY_DEFAULT) if cls.keyed else None
    made = Publishing(cls, checked, destination, key, _selection(options))
    made.make()
    return made


def _destination(cls: type[Place], options: PublishOptions) -> str:
    """The template of where messages go, from the option that this kind of place has."""
    own = {cls.destination, "key"} if cls.keyed else {cls.destination}
    for name in ("topic", "key", "table"):
        if getattr(options, name) and name not in own:
            cure = f"; it has `{cls.destination}`" if cls.destination else ""
            raise StageError(f"{options.to.partition(':')[0]} has no `{name}`{cure}")
    return (getattr(options, cls.destination) or cls.default) if cls.destination else ""


def _selection(options: PublishOptions) -> Callable[[], Selection]:
    what, labels, where = options.what, labels_of(options.of) if options.of is not None else (), options.where
    if what == "events":
        if options.every_s:
            raise StageError("events are all published; remove `every_s`")
        if labels:
            raise StageError("`of` names detections; choose events by `where: {kind: ...}`")
        if unknown := [name for name in where if name not in EVENT_FIELDS]:
            raise StageError(f"where: an event has no {unknown[0]!r}; it has {', '.join(EVENT_FIELDS)}")
    return lambda: Selection(what, labels, where, options.every_s)
