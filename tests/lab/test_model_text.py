"""A network of ours as a text: it runs by itself, and is the same network."""

from pathlib import Path

import pytest
import torch

from fashion_tui.lab.networks.builtin import MODELS, build
from fashion_tui.lab.networks.custom import SourceFault, WrongArguments, source_network
from fashion_tui.lab.networks.model_text import text_of
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError, UserError

TWO = """
from torch import nn

class First(nn.Module):
    def __init__(self, width):
        super().__init__()

class Second(nn.Linear):
    def __init__(self, width=3):
        super().__init__(width, 2)
"""


@pytest.mark.parametrize("name", MODELS)
def test_the_text_gives_the_same_network(name: str) -> None:
    source, class_name = text_of(name)
    torch.manual_seed(3)
    ours = build(name)
    torch.manual_seed(3)
    with source_network(source, class_name) as (model, found):
        assert found == class_name
        assert type(model) is not type(ours)
        images = torch.rand(4, 1, 28, 28)
        torch.testing.assert_close(model.eval()(images), ours.eval()(images))
        assert trace(model, (1, 28, 28)).rows == trace(ours, (1, 28, 28)).rows


@pytest.mark.parametrize("name", MODELS)
def test_the_text_holds_nothing_that_it_does_not_need(name: str) -> None:
    source, class_name = text_of(name)
    assert source.startswith(("import ", "from "))
    assert f"class {class_name}(" in source
    assert "MODELS" not in source
    assert "UsageError" not in source
    assert source.endswith("\n")


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="nosuch"):
        text_of("nosuch")


def test_the_last_network_is_meant_where_the_name_is_gone() -> None:
    with source_network(TWO, "Renamed") as (model, name):
        assert (type(model).__name__, name) == ("Second", "Second")
    with source_network(TWO, "First", {"width": 3}) as (_, name):
        assert name == "First"
    with pytest.raises(UsageError, match="has First, Second; say which one"), source_network(TWO, None, exact=True):
        pass
    with pytest.raises(UsageError, match="no network called 'Renamed'"), source_network(TWO, "Renamed", exact=True):
        pass


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("class Net(nn.Module:\n", 1, "invalid syntax"),
        ("x = 1\nimport nosuchmodule\n", 2, "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("import torch\n", None, "no class in it is derived from nn.Module"),
        (TWO.replace("super().__init__(width, 2)", "1 / 0"), 10, "Second can't be made: ZeroDivisionError"),
    ],
)
def test_faults_tell_their_line(source: str, line: int | None, words: str) -> None:
    with pytest.raises(SourceFault) as caught, source_network(source, None):
        pass
    assert caught.value.line == line
    assert caught.value.words.startswith(words)


def test_missing_arguments_tell_where_they_are_named() -> None:
    with pytest.raises(WrongArguments) as caught, source_network(TWO, "First"):
        pass
    assert (caught.value.words, caught.value.line) == ("First needs width", 5)


def test_the_modules_beside_its_file_are_at_hand(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("WIDTH = 5\n")
    source = "from torch import nn\nfrom beside import WIDTH\nclass Net(nn.Linear):\n    def __init__(self):\n"
    source += "        super().__init__(WIDTH, 2)\n"
    with source_network(source, None, file=tmp_path / "unsaved.py") as (model, _):
        assert model.in_features == 5
    with pytest.raises(UserError, match="beside"), source_network(source, None):
        pass
