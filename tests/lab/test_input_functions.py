"""A function in a file of the user creates the inputs of a network."""

from pathlib import Path

import pytest

from fashion_tui.lab.networks.build import open_model
from fashion_tui.lab.networks.inputs import InputsError, open_inputs
from fashion_tui.lab.trace import trace
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.report.shape_strip import shape_strip
from fashion_tui.schema.inputs import InputFunction, InputSpec
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.shapes import ShapeTable

NET = """
from typing import NamedTuple
import torch
from torch import Tensor, nn

class Batch(NamedTuple):
    ids: Tensor
    mask: Tensor

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(40, 12)

    def forward(self, batch):
        assert isinstance(batch, Batch)
        mask = batch.mask.unsqueeze(-1)
        return (self.table(batch.ids) * mask).sum(1) / mask.sum(1)

def make(size):
    return Batch(torch.randint(40, (size, 9)), torch.ones(size, 9))

def broken(size):
    return torch.ones(size, 1 / 0)

number = 3
"""
USE = "import torch\nfrom helper import WIDTH\n\ndef make(size):\n    return {'x': torch.ones(size, WIDTH)}\n"


def traced(network: NamedModel | CustomModel, file: Path, function: str) -> ShapeTable:
    inputs = InputFunction(file=str(file), function=function)
    with open_model(network, device="meta") as (model, _), open_inputs(inputs, network, model) as opened:
        return trace(model, opened)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    file = tmp_path / "net.py"
    file.write_text(NET)
    return file


def test_a_function_in_the_networks_file_shares_its_classes(net: Path) -> None:
    table = traced(NamedModel(model=f"{net}:Net"), net, "make")
    assert table.error is None
    assert [str(spec) for spec in table.inputs] == ["9:int64", "9:float32"]
    assert (table.outputs, table.total_params, table.total_macs) == (((12,),), 480, 0)


def test_a_function_of_edited_source(net: Path) -> None:
    edited = CustomModel(source=NET.replace("(size, 9)", "(size, 5)").replace("size, 9", "size, 5"), class_name=None)
    table = traced(CustomModel(source=edited.source, class_name="Net", file=str(net)), net, "make")
    assert [str(spec) for spec in table.inputs] == ["5:int64", "5:float32"]


def test_a_function_in_another_file_can_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("WIDTH = 6")
    file = tmp_path / "inputs.py"
    file.write_text(USE)
    network = CustomModel(
        source="from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x.sum(1)",
        class_name="Net",
    )
    table = traced(network, file, "make")
    assert ([str(spec) for spec in table.inputs], table.outputs) == (["x=6:float32"], ((),))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nosuch", r"net\.py defines no function 'nosuch'"),
        ("number", r"net\.py defines no function 'number'"),
        ("broken", r"net\.py:24: broken fails: ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_fails(net: Path, function: str, message: str) -> None:
    with pytest.raises(InputsError, match=message):
        traced(NamedModel(model=f"{net}:Net"), net, function)


def test_a_file_that_cannot_be_read_or_executed(net: Path, tmp_path: Path) -> None:
    with pytest.raises(InputsError, match=r"can't read .*missing\.py"):
        traced(NamedModel(model="guide"), tmp_path / "missing.py", "make")
    (tmp_path / "bad.py").write_text("import torch\nfoo(")
    with pytest.raises(InputsError, match=r"bad\.py:2: "):
        traced(NamedModel(model=f"{net}:Net"), tmp_path / "bad.py", "make")


def test_a_network_without_inputs(tmp_path: Path) -> None:
    source = (
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.fc = nn.Linear(3, 2)\n\n"
        "    def forward(self):\n        return self.fc(torch.ones(4, 3))\n"
    )
    network = CustomModel(source=source, class_name="Net")
    with open_model(network) as (model, _), open_inputs((), network, model) as inputs:
        table = trace(model, inputs)
    assert (table.error, table.inputs, table.input_size, table.outputs) == (None, (), (), ((4, 2),))
    assert (table.total_params, table.total_macs) == (8, 4 * 3 * 2)
    assert "4×2" in shape_strip(table, glyphs=UNICODE).plain


def test_inputs_by_default(net: Path) -> None:
    for network, shape in (
        (NamedModel(model=f"{net}:Net"), (1, 28, 28)),
        (NamedModel(model="guide"), (1, 28, 28)),
        (NamedModel(model="torchvision:alexnet"), (3, 224, 224)),
    ):
        with open_model(network, device="meta") as (model, _), open_inputs((), network, model) as inputs:
            assert inputs == (InputSpec(shape=shape),)
