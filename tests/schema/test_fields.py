"""Descriptions of fields: ranges, choices, and conversion from and to strings."""

from itertools import groupby
from typing import Annotated, Literal

import msgspec
import pytest

from fashion_tui.schema.builtin_recipes import GUIDE, RECIPES
from fashion_tui.schema.fields import About, InvalidField, check_fields, fields_of
from fashion_tui.schema.recipe import Recipe


class Example(msgspec.Struct):
    name: str = "not described"
    count: Annotated[int, About("count", "how many", "One", "images", ge=0, le=2000)] = 3
    rate: Annotated[float, About("rate", "how fast", "One", gt=0)] = 0.5
    share: Annotated[float, About("share", "how much", "Two", ge=0, lt=1)] = 0.0
    offset: Annotated[float, About("offset", "how far", "Two")] = 0.0
    kind: Annotated[Literal["soft", "hard"], About("kind", "what kind", "Two")] = "soft"
    exact: Annotated[bool, About("exact", "whether it is exact", "Two")] = False


FIELDS = fields_of(Example)


def test_described_fields_keep_their_order_types_and_choices() -> None:
    assert [(field.name, field.type, field.choices) for field in FIELDS.values()] == [
        ("count", int, ()),
        ("rate", float, ()),
        ("share", float, ()),
        ("offset", float, ()),
        ("kind", str, ("soft", "hard")),
        ("exact", bool, ()),
    ]


@pytest.mark.parametrize(
    ("name", "good", "bad", "message"),
    [
        ("count", [0, 2000], [-1, 2001, 10**400], "between 0 and 2,000 images"),
        ("rate", [1e-30, 10.0], [0.0, -1.0, float("nan"), float("inf")], "a positive number"),
        ("share", [0.0, 0.999], [-0.1, 1.0], "0 or more and less than 1"),
        ("offset", [-5.0], [float("-inf")], "a finite number"),
        ("kind", ["soft", "hard"], ["medium"], "choose from soft, hard"),
    ],
)
def test_values_out_of_range_are_errors_that_name_the_range(
    name: str, good: list[float], bad: list[float], message: str
) -> None:
    for value in good:
        check_fields(msgspec.structs.replace(Example(), **{name: value}))
    for value in bad:
        with pytest.raises(InvalidField, match=message) as error:
            check_fields(msgspec.structs.replace(Example(), **{name: value}))
        assert error.value.field == name
        assert str(value) in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "value", "shown"),
    [
        ("count", " 12 ", 12, "12"),
        ("rate", "3e-4", 3e-4, "0.0003"),
        ("rate", "0.1234567890123", 0.1234567890123, "0.1234567890123"),
        ("kind", "hard", "hard", "hard"),
        ("exact", "yes", True, "yes"),
    ],
)
def test_values_are_converted_from_and_to_strings(name: str, text: str, value: float, shown: str) -> None:
    assert FIELDS[name].parse(text) == value
    assert FIELDS[name].format(value) == shown
    assert FIELDS[name].parse(shown) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("count", "1.5", "'1.5' is not a whole number"),
        ("count", "", "'' is not a whole number"),
        ("count", "-1", "count is -1"),
        ("rate", "fast", "'fast' is not a number"),
        ("exact", "true", "'true' is not yes or no"),
        ("kind", "medium", "unknown kind 'medium'"),
    ],
)
def test_invalid_strings_are_errors(name: str, text: str, message: str) -> None:
    with pytest.raises(InvalidField, match=message):
        FIELDS[name].parse(text)


def test_every_setting_of_a_recipe_is_described() -> None:
    fields = fields_of(Recipe)
    assert set(Recipe.__struct_fields__) - set(fields) == {"name", "summary", "model"}
    groups = [group for group, _ in groupby(field.about.group for field in fields.values())]
    assert len(groups) == len(set(groups)), "the fields of a group are adjacent"
    for field in fields.values():
        assert len(field.about.help) <= 60
        assert not field.about.help.endswith(".")
        value = getattr(GUIDE, field.name)
        assert field.parse(field.format(value)) == value
    for recipe in RECIPES.values():
        check_fields(recipe)
