"""Networks are loaded by what a person writes; whatever is wrong with that is said in one line."""

import sys
from pathlib import Path

import pytest

from fashion_tui.lab.networks.builtin import GuideNet
from fashion_tui.lab.networks.custom import load_model
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError, UserError

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=8, *, out=10):
        super().__init__()
        self.fc = nn.Linear(width, out)

    def forward(self, x):
        return self.fc(x)

class Needy(Net):
    def __init__(self, width, depth):
        super().__init__(width)

class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(-1, 2)

class Weighed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.scale = self.fc.weight.sum().item()

class Plain:
    pass

def build(width=4):
    return Net(width)

def not_a_network():
    return 3

ready = Net(5)
number = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


def test_our_own() -> None:
    assert isinstance(load_model("guide"), GuideNet)


def test_a_class_in_a_file(file: Path) -> None:
    model = load_model(f"{file}:Net", {"width": 32, "out": 3})
    assert trace(model, (32,)).outputs == ((3,),)


def test_a_function_or_a_ready_network_in_a_file(file: Path) -> None:
    assert trace(load_model(f"{file}:build"), (4,)).total_params == 50
    assert trace(load_model(f"{file}:ready"), (5,)).total_params == 60


def test_an_edited_file_is_read_again(file: Path) -> None:
    load_model(f"{file}:Net")
    file.write_text(NET.replace("out=10", "out=11"))
    assert trace(load_model(f"{file}:Net"), (8,)).outputs == ((11,),)
    assert not list(file.parent.glob("__pycache__"))


def test_a_file_that_imports_its_neighbour(file: Path) -> None:
    path = file.parent / "mine.py"
    path.write_text("import net\nclass Mine(net.Net): pass\n")
    before = list(sys.path), sys.dont_write_bytecode
    for out in (10, 11):
        file.write_text(NET.replace("out=10", f"out={out}"))
        assert trace(load_model(str(path)), (8,)).outputs == ((out,),)
    assert (sys.path, sys.dont_write_bytecode) == before
    assert "net" not in sys.modules
    assert sorted(entry.name for entry in file.parent.iterdir()) == ["mine.py", "net.py"]


def test_torchvision() -> None:
    model = load_model("torchvision:resnet18", device="meta")
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_689_512
    smaller = load_model("torchvision:resnet18", {"num_classes": 10}, device="meta")
    assert trace(smaller, (3, 32, 32)).outputs == ((10,),)


def test_what_asks_for_values_while_it_is_made_lies_on_the_cpu(file: Path) -> None:
    model = load_model(f"{file}:Weighed", device="meta")
    assert next(model.parameters()).device.type == "cpu"


@pytest.mark.parametrize(
    ("spec", "arguments", "kind", "words"),
    [
        ("nosuch", {}, UsageError, "no model is called 'nosuch'; there is: guide, "),
        ("torchvision:nosuch", {}, UsageError, "torchvision has no model 'nosuch'"),
        ("torchvision:resnet18", {"weights": "DEFAULT"}, UsageError, "weights aren't downloaded"),
        ("torchvision:resnet18", {"num_classes": "ten"}, UserError, "torchvision:resnet18 can't be made"),
        ("guide", {"width": 3}, UsageError, "guide takes no width; it takes: no arguments"),
        ("{file}", {}, UsageError, "has Net, Needy, Failing, Weighed; say which one: "),
        ("missing.py:Net", {}, UserError, "missing.py can't be read: No such file"),
        ("{file}:Nothing", {}, UsageError, "has no network called 'Nothing'; it has Net, Needy, Failing, Weighed"),
        ("{file}:nn", {}, UsageError, "has no network called 'nn'"),
        ("{file}:Needy", {"depth": 2}, UsageError, """needs width; give them as --args '{"width": …}'"""),
        ("{file}:Net", {"depth": 2}, UsageError, "takes no depth; it takes: width, out"),
        ("{file}:Failing", {}, UserError, "net.py:19: Failing can't be made: RuntimeError: "),
        ("{file}:Plain", {}, UserError, "Plain isn't derived from nn.Module"),
        ("{file}:number", {}, UserError, "number is a int, no class derived from nn.Module"),
        ("{file}:not_a_network", {}, UserError, "not_a_network gave a int, no nn.Module"),
    ],
)
def test_what_is_wrong(file: Path, spec: str, arguments: dict[str, object], kind: type[UserError], words: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(spec.replace("{file}", str(file)), arguments)
    assert caught.value.exit_code == kind.exit_code
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("class Net(nn.Module:\n", "broken.py:1: invalid syntax"),
        ("x = 1\nimport nosuchmodule\n", "broken.py:2: ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("def f():\n    return 1 / 0\n\nf()\n", "broken.py:2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('enough')\n", "broken.py:2: SystemExit: enough"),
        ("class Net:\n\tx = 1\n        y = 2\n", "broken.py:3: "),
        ("x = '\x00'\n", "null bytes"),
    ],
)
def test_a_file_that_cannot_be_run(tmp_path: Path, source: str, words: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(UserError) as caught:
        load_model(f"{path}:Net")
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
