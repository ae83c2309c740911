from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from framewire.pipeline.option import OptionError, check_values, options_of, yaml_words


class Colour(Struct, frozen=True):
    hex: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$", description="#rrggbb")] = "#000000"


class Example(Struct, frozen=True):
    path: str
    size: Annotated[int, Meta(ge=1, le=9, description="How large")] = 3
    kind: Literal["soft", "hard"] = "soft"
    colours: dict[str, Colour] = {}
    several: list[Colour] = []
    pair: tuple[int, int] = field(default=(1, 2))
    maybe: float | None = None


@pytest.mark.parametrize(
    ("values", "path", "text"),
    [
        ({}, (), "the option 'path' is missing (text)"),
        ({"path": 3}, ("path",), "path: 3 is not text"),
        ({"path": "a", "size": 0}, ("size",), "size: 0 is not a whole number, 1 or more, at most 9"),
        ({"path": "a", "size": "x"}, ("size",), "size: 'x' is not a whole number, 1 or more, at most 9"),
        ({"path": "a", "size": True}, ("size",), "size: True is not a whole number, 1 or more, at most 9"),
        ({"path": "a", "kind": "medium"}, ("kind",), "kind: 'medium' is not one of soft, hard"),
        ({"path": "a", "siz": 1}, ("siz",), "this has no option 'siz' (did you mean 'size'?)"),
        (
            {"path": "a", "colours": {"face": {"hex": "red"}}},
            ("colours", "face", "hex"),
            "hex: 'red' is invalid; write #rrggbb",
        ),
        (
            {"path": "a", "colours": {"face": {"hx": "#123456"}}},
            ("colours", "face", "hx"),
            "face has no option 'hx' (did you mean 'hex'?)",
        ),
        ({"path": "a", "several": [{}, {"hex": "x"}]}, ("several", 1, "hex"), "hex: 'x' is invalid; write #rrggbb"),
        ({"path": "a", "maybe": "x"}, ("maybe",), "maybe: 'x' is not a number or null"),
    ],
)
def test_the_first_wrong_value_is_named_with_its_place(
    values: dict[str, object], path: tuple[str | int, ...], text: str
) -> None:
    with pytest.raises(OptionError) as caught:
        check_values(Example, values)
    assert (caught.value.path, str(caught.value)) == (path, text)


def test_good_values_become_the_struct() -> None:
    made = check_values(Example, {"path": "a", "size": 9, "colours": {"face": {"hex": "#00ff00"}}, "pair": [3, 4]})
    assert made == Example("a", 9, colours={"face": Colour("#00ff00")}, pair=(3, 4))


def test_options_are_told_as_a_user_reads_them() -> None:
    path, size, kind, *rest = options_of(Example)
    assert [option.name for option in rest] == [
        "colours",
        "colours.NAME.hex",
        "several",
        "several[].hex",
        "pair",
        "maybe",
    ]
    assert (path.required, path.type) == (True, "text")
    assert (size.type, size.default, size.help) == ("whole number, 1 or more, at most 9", "3", "How large")
    assert kind.type == "one of soft, hard"


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "true"), (None, "null"), ("", '""'), ([1, "a"], "[1, a]"), ({"a": False}, "{a: false}"), (0.5, "0.5")],
)
def test_defaults_are_written_as_yaml(value: object, words: str) -> None:
    assert yaml_words(value) == words
