"""The options of `train` that are created from the fields of recipes and run configurations."""

from pathlib import Path

import msgspec
import pytest

from fashion_tui.cli.commands import train
from fashion_tui.cli.field_options import FieldOption
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.fields import Field, FieldValue, fields_of, option_name
from fashion_tui.schema.recipe import FINE_TUNING, Recipe
from fashion_tui.schema.run import RunConfig

from .conftest import Call


def another_value(field: Field, value: FieldValue) -> FieldValue:
    """Return a valid value of a field that differs from the given one."""
    if field.type is bool:
        return not value
    if field.choices:
        return next(choice for choice in field.choices if choice != value)
    if isinstance(value, tuple):
        return (0.25,)
    assert isinstance(value, int | float)
    return 0.375 if field.about.lt == 1 else value + 1


@pytest.mark.covers(
    "train --label-smoothing", "train --optimizer", "train --schedule", "train --warm-up", "train --flip",
    "train --crop", "train --erase", "train --mean", "train --std", "train --momentum", "train --nesterov",
    "train --weight-decay", "train --max-gradient-norm", "train --ema-decay",
    "train --early-stopping", "train --patience", "train --min-change",
)  # fmt: skip
def test_every_field_of_a_recipe_is_set_by_its_option(
    call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "launch", lambda _run, **_: 1)
    values = {
        name: another_value(field, getattr(GUIDE, name))
        for name, field in fields_of(Recipe).items()
        if field.about.group != FINE_TUNING
    }
    values["optimizer"] = "sgd"  # momentum is a field of sgd only
    options: list[str] = []
    for name, value in values.items():
        option = option_name(name)
        flag = option if value is not False else option.replace("--", "--no-", 1)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        options += [flag] if isinstance(value, bool) else [flag, text]
    fixed = ("--dataset", "synthetic", "--validation", "100", "--runs", tmp_path, "--detach", "--json")
    result = call_in_process("train", *fixed, *options)
    assert result.status == 0, result.err
    recipe = Run(Path(result.json["path"])).config.recipe
    assert recipe == msgspec.structs.replace(GUIDE, **values)


def test_help_lists_each_field_once_in_its_group(call: Call) -> None:
    sections = call("train", "--help").out.split("\n\n")
    for struct in (Recipe, RunConfig):
        for name, field in fields_of(struct).items():
            section = next(each for each in sections if each.startswith(field.about.group))
            assert section.count(f"  {option_name(name)}") == 1, name
    assert len([each for each in train.train_command.params if isinstance(each, FieldOption)]) == len(
        {*fields_of(Recipe), *fields_of(RunConfig)}
    )
