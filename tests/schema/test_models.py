"""Names of models as the user types them."""

from pathlib import Path

import pytest

from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import MODELS, ModelFile, parse_arguments, parse_model_name


@pytest.mark.parametrize("name", [*MODELS, "torchvision:resnet18"])
def test_built_in_and_torchvision_names_stay_as_they_are(name: str) -> None:
    assert parse_model_name(name) == name


@pytest.mark.parametrize(
    ("name", "path", "class_name"),
    [
        ("net.py:Net", "net.py", "Net"),
        ("net.py", "net.py", None),
        ("net.py:", "net.py", None),
        ("~/a:b/net.py:Net", f"{Path.home()}/a:b/net.py", "Net"),
    ],
)
def test_files(name: str, path: str, class_name: str | None) -> None:
    assert parse_model_name(name) == ModelFile(path=Path(path), class_name=class_name)


@pytest.mark.parametrize("string", ["{width", "[]", "3", "{width: 32}"])
def test_arguments_that_are_not_a_json_object(string: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(string)
    assert str(caught.value) == f"{string} isn't a JSON object"
    assert parse_arguments('{"width": 32}') == {"width": 32}


@pytest.mark.parametrize("name", ["", "gide", "net.txt:Net", "Guide"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown model {name!r}; choose from guide, .*file.py:Class"):
        parse_model_name(name)


def test_file_is_read_but_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("raise RuntimeError")
    custom = ModelFile(path=path, class_name="Net").read({"width": 3})
    assert (custom.source, custom.class_name, custom.arguments, custom.file, custom.exact) == (
        "raise RuntimeError", "Net", {"width": 3}, str(path), True,
    )  # fmt: skip
    with pytest.raises(UserError, match="can't read"):
        ModelFile(path=tmp_path, class_name=None).read({})
