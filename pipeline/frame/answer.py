"""What a stage has returned, made plain: NumPy's numbers become Python's, and what cannot be taken is named.

A packet that is no valid message would be refused by its receiver, and the frame awaited for ever: so each answer is
looked at where it was made. Only what is new in it costs time.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from math import isfinite
from operator import attrgetter, is_
from typing import Any, TypeVar, cast

import msgspec

from framewire.pipeline.frame.packet import Attribute, Detection, Event, Outcome, Packet, PictureRef

INT_MAX = 2**63 - 1
"""Of the wire format, which has 64 bits."""
FACTS_MAX = 200
"""Each is a series of the metrics; a stage that adds one a frame must not fill a Prometheus."""
T = TypeVar("T")


class InvalidAnswerError(TypeError):
    """A field of an answer that cannot be taken: the text names it, and says what it must be."""


def plain_answer(packet: Packet, answer: object) -> Packet:
    """The answer to `packet`, in plain Python values. Raises InvalidAnswerError.

    Numbers of NumPy and the like are taken as the numbers they are, and sequences as tuples. NaN and infinity are no
    numbers. What only the engine may set (`mark`, `end`, `sent`, ...) stays as it was.
    """
    if answer is packet:
        return packet
    if not isinstance(answer, Packet):
        raise InvalidAnswerError(f"process must return the packet, not {_kind(answer)}")
    if (answer.stream, answer.seq) != (packet.stream, packet.seq):
        raise InvalidAnswerError("process must return the packet it got, not another frame's")
    changed: dict[str, Any] = {}
    for field, take in _TAKEN.items():
        now, before = getattr(answer, field), getattr(packet, field)
        if now is not before:
            plain = take(now, field, before)
            if plain is not now:
                changed[field] = plain
    if not all(map(is_, _engines_own(answer), _engines_own(packet))):
        changed |= {field: getattr(packet, field) for field in _ENGINES_OWN}
    return msgspec.structs.replace(answer, **changed) if changed else answer


def plain_times(pts: object, time_base: object, rate: object) -> tuple[int, tuple[int, int], tuple[int, int] | None]:
    """A picture's times, as in Shot, in plain Python values. Raises InvalidAnswerError."""
    return _whole(pts, "pts"), _ratio(time_base, "time_base"), _optional(_ratio, rate, "rate")


def plain_ratio(value: Any, field: str) -> tuple[int, int]:
    """Two whole numbers from 1 on. Raises InvalidAnswerError."""
    return _ratio(value, field)


def plain_text(value: Any, field: str) -> str:
    """Text that can be sent. Raises InvalidAnswerError."""
    return value if type(value) is str and value.isascii() else _text(value, field)


def plain_count(value: Any, field: str) -> int:
    """A whole number from 0 on, in plain Python. Raises InvalidAnswerError."""
    number = value if type(value) is int else _whole(value, field)
    if not 0 <= number <= INT_MAX:
        raise InvalidAnswerError(f"{field} must be 0 or more, not {number}")
    return number


def plain_flag(value: Any, field: str) -> bool:
    """True or false, in plain Python. Raises InvalidAnswerError."""
    if type(value) is bool:
        return value
    plain = _scalar(value)
    if not isinstance(plain, bool | int):
        raise InvalidAnswerError(f"{field} must be true or false, not {_kind(value)}")
    return bool(plain)


def plain_facts(facts: Mapping[Any, Any]) -> dict[str, str]:
    """What a stage says of itself, as text, whatever it is: the first FACTS_MAX of it."""
    return {_as_text(name): _as_text(value) for name, value in islice(facts.items(), FACTS_MAX)}


def _as_text(value: Any) -> str:
    return value if type(value) is str and value.isascii() else str(value).encode(errors="backslashreplace").decode()


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidAnswerError(f"{where} must be text, not {_kind(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidAnswerError(f"{where} must be text, and has a lone surrogate") from None
    return value if type(value) is str else str(value)


def _scalar(value: Any) -> Any:
    """The Python number in a scalar of NumPy, PyTorch and the like."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _number(value: Any, where: str) -> float:
    value = _scalar(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidAnswerError(f"{where} must be a number, not {_kind(value)}")
    if isinstance(value, int) and abs(value) > INT_MAX:
        raise InvalidAnswerError(f"{where} is too large for a number")
    if not isfinite(value):
        raise InvalidAnswerError(f"{where} must be a finite number, not {value}")
    return value if type(value) in (int, float) else float(value)


def _whole(value: Any, where: str) -> int:
    value = _scalar(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidAnswerError(f"{where} must be a whole number, not {_kind(value)}")
    if abs(value) > INT_MAX:
        raise InvalidAnswerError(f"{where} is too large for a whole number")
    return value if type(value) is int else int(value)


def _positive(value: Any, where: str) -> int:
    number = _whole(value, where)
    if number < 1:
        raise InvalidAnswerError(f"{where} must be 1 or more, not {number}")
    return number


def _optional(take: Callable[[Any, str], T], value: Any, where: str) -> T | None:
    return None if value is None else take(value, where)


def _sequence(value: Any, where: str, of: str) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        raise InvalidAnswerError(f"{where} must be {of}, not {_kind(value)}")
    return tuple(value)


def _several(value: Any, where: str, of: str, count: int) -> tuple[Any, ...]:
    given = _sequence(value, where, of)
    if len(given) != count:
        raise InvalidAnswerError(f"{where} must be {of}, not {len(given)} values")
    return given


def _box(value: Any, where: str) -> tuple[float, float, float, float]:
    x, y, width, height = _several(value, where, "four numbers (x, y, width, height)", 4)
    return (
        _number(x, f"{where}[0]"),
        _number(y, f"{where}[1]"),
        _number(width, f"{where}[2]"),
        _number(height, f"{where}[3]"),
    )


def _point(value: Any, where: str) -> tuple[float, float]:
    x, y = _several(value, where, "a point (x, y)", 2)
    return _number(x, f"{where}[0]"), _number(y, f"{where}[1]")


def _ratio(value: Any, where: str) -> tuple[int, int]:
    numerator, denominator = _several(value, where, "two whole numbers", 2)
    return _positive(numerator, f"{where}[0]"), _positive(denominator, f"{where}[1]")


def _is_plain(one: Any) -> bool:
    """Whether nothing needs to be done about a detection, as about most: quickly, and seldom by mistake false."""
    return (
        type(one) is Detection
        and type(one.label) is str
        and one.label.isascii()
        and type(one.id) is str
        and one.id.isascii()
        and type(one.box) is tuple
        and len(one.box) == 4
        and _are_plain(one.box)
        and (one.score is None or _are_plain((one.score,)))
        and type(one.landmarks) is tuple
        and all(type(point) is tuple and len(point) == 2 and _are_plain(point) for point in one.landmarks)
        and (one.parent is None or (type(one.parent) is str and one.parent.isascii()))
        and (one.track is None or (type(one.track) is int and abs(one.track) <= INT_MAX))
        and type(one.attributes) is dict
        and not one.attributes
        and type(one.due) is bool
    )


def _are_plain(numbers: tuple[Any, ...]) -> bool:
    for one in numbers:  # noqa: SIM110 - a generator costs twice the time
        # A cascade's boxes are whole numbers; isfinite cannot take the largest.
        if not (isfinite(one) if type(one) is float else type(one) is int and abs(one) <= INT_MAX):
            return False
    return True


def _detection(one: Any, where: str) -> Detection:
    if type(one) is not Detection:
        raise InvalidAnswerError(f"{where} must be a Detection, not {_kind(one)}")
    return Detection(
        label=_text(one.label, f"{where}.label"),
        box=_box(one.box, f"{where}.box"),
        id=_text(one.id, f"{where}.id"),
        score=_optional(_number, one.score, f"{where}.score"),
        parent=_optional(_text, one.parent, f"{where}.parent"),
        landmarks=_landmarks(one.landmarks, f"{where}.landmarks"),
        attributes=_attributes(one.attributes, f"{where}.attributes"),
        track=_optional(_whole, one.track, f"{where}.track"),
        due=plain_flag(one.due, f"{where}.due"),
    )


def _landmarks(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    points = _sequence(value, where, "points (x, y)")
    return tuple(_point(point, f"{where}[{place}]") for place, point in enumerate(points))


def _attributes(value: Any, where: str) -> dict[str, Attribute]:
    if not isinstance(value, dict):
        raise InvalidAnswerError(f"{where} must be a dict of Attribute, not {_kind(value)}")
    return {_text(name, f"{where}: a name"): _attribute(one, f"{where}[{name!r}]") for name, one in value.items()}


def _attribute(one: Any, where: str) -> Attribute:
    if type(one) is not Attribute:
        raise InvalidAnswerError(f"{where} must be an Attribute, not {_kind(one)}")
    return Attribute(
        _text(one.label, f"{where}.label"),
        _optional(_number, one.score, f"{where}.score"),
        _optional(_number, one.value, f"{where}.value"),
    )


def _event(one: Any, where: str) -> Event:
    if type(one) is not Event:
        raise InvalidAnswerError(f"{where} must be an Event, not {_kind(one)}")
    return Event(
        _text(one.kind, f"{where}.kind"),
        _text(one.where, f"{where}.where"),
        _optional(_whole, one.track, f"{where}.track"),
        _optional(_number, one.value, f"{where}.value"),
        _text(one.direction, f"{where}.direction"),
    )


def _detections(value: Any, field: str, had: tuple[Detection, ...]) -> tuple[Detection, ...]:
    # Most stages add to what they got.
    has_more = type(value) is tuple and len(value) >= len(had) and all(map(is_, had, value))
    if has_more and all(map(_is_plain, value[len(had) :])):
        return cast(tuple[Detection, ...], value)
    given = _sequence(value, field, "a sequence of Detections")
    known = set(map(id, had))
    plain = tuple(
        one if id(one) in known or _is_plain(one) else _detection(one, f"{field}[{place}]")
        for place, one in enumerate(given)
    )
    return value if value is given and all(map(is_, plain, given)) else plain


def _events(value: Any, field: str, had: tuple[Event, ...]) -> tuple[Event, ...]:
    given = _sequence(value, field, "a sequence of Events")
    return tuple(_event(one, f"{field}[{place}]") for place, one in enumerate(given))


def _labels(value: Any, field: str, had: tuple[str, ...]) -> tuple[str, ...]:
    given = _sequence(value, field, "a sequence of labels")
    return tuple(_text(one, f"{field}[{place}]") for place, one in enumerate(given))


def _pictures(value: Any, field: str, had: dict[str, PictureRef]) -> dict[str, PictureRef]:
    if not isinstance(value, dict):
        raise InvalidAnswerError(f"{field} must be a dict, not {_kind(value)}")
    for name, ref in value.items():
        _text(name, f"{field}: a name")
        if type(ref) is not PictureRef:
            raise InvalidAnswerError(f"{field}[{name!r}] must be what canvas() gave, not {_kind(ref)}")
    return value


def _outcome(value: Any, field: str, had: Outcome) -> Outcome:
    try:
        return Outcome(value)
    except ValueError:
        raise InvalidAnswerError(f"{field} must be an Outcome, not {value!r}") from None


def _one(take: Callable[[Any, str], Any]) -> Callable[[Any, str, Any], Any]:
    return lambda value, field, had: take(value, field)


_TAKEN: dict[str, Callable[[Any, str, Any], Any]] = {
    "detections": _detections,
    "pictures": _pictures,
    "events": _events,
    "unsearched": _labels,
    "searched": _labels,
    "outcome": _outcome,
    "reason": _one(_text),
    "stage": _one(_text),
    "width": _one(_positive),
    "height": _one(_positive),
    "pts": _one(_whole),
    "time_base": _one(_ratio),
    "rate": _one(lambda value, field: _optional(_ratio, value, field)),
}
"""The fields that a stage may change, and how each is taken."""
_ENGINES_OWN = tuple(field.name for field in msgspec.structs.fields(Packet) if field.name not in _TAKEN)
_engines_own = attrgetter(*_ENGINES_OWN)
