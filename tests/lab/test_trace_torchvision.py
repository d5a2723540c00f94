"""Traces of torchvision's networks: invariants, and a comparison of each module with torchinfo.

torchinfo lists only modules, with the same shapes and parameters as ours. Our MACs are those of FlopCounterMode.
torchinfo's MACs differ: it counts biases and the weights of norms as if they were multiplied. It multiplies the weights
of a linear layer by the batch size, but not by the number of tokens. It counts neither the two matrix products of
attention nor the work of functions. `expected_macs` corrects its numbers.
"""

import math
from collections import Counter

import pytest
import torch
import torchinfo
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo.layer_info import LayerInfo
from torchvision import models

from fashion_tui.lab.trace import trace
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeRow, ShapeTable

NETWORKS = {
    "alexnet": 127,
    "resnet18": 64,
    "vgg11_bn": 64,
    "squeezenet1_1": 64,
    "mobilenet_v3_small": 64,
    "shufflenet_v2_x0_5": 64,
    "mnasnet0_5": 64,
    "densenet121": 64,
    "googlenet": 64,
    "convnext_tiny": 64,
    "vit_b_16": 224,
    "swin_t": 64,
}
"""Side of the input images of each network, in pixels; small enough to keep the tests fast."""


class Traced:
    def __init__(self, name: str) -> None:
        size = NETWORKS[name]
        options = {"init_weights": False} if name == "googlenet" else {}  # its initialisation is slow
        with torch.device("meta"):
            self.model: nn.Module = models.get_model(name, weights=None, **options).eval()
        self.table: ShapeTable = trace(self.model, (3, size, size))
        self.image = torch.empty(2, 3, size, size, device="meta")


@pytest.fixture(scope="module", params=NETWORKS)
def traced(request: pytest.FixtureRequest) -> Traced:
    return Traced(request.param)


def test_totals(traced: Traced) -> None:
    table = traced.table
    assert table.error is None
    assert not table.remarks
    total = sum(parameter.numel() for parameter in traced.model.parameters())
    assert table.total_params == table.trainable_params == total
    assert sum(row.own_params for row in table.rows) + table.unused_params == total
    assert sum(row.params for row in table.rows if row.depth == 0) + table.unused_params == total
    with FlopCounterMode(display=False) as counter:
        traced.model(traced.image)
    assert table.total_macs == counter.get_total_flops() // 2 // len(traced.image)
    assert table.total_macs == sum(row.macs or 0 for row in table.rows if not row.has_children)
    assert table.outputs == ((1000,),)


def test_each_input_is_an_earlier_output_or_the_networks_input(traced: Traced) -> None:
    rows = traced.table.rows
    for index, row in enumerate(rows):
        for source, shape in zip(row.sources, row.inputs, strict=True):
            assert source is not None, f"{row.path} has an input {shape} without a source"
            inputs = tuple(spec.shape for spec in traced.table.inputs)
            outputs = inputs if source == NETWORK_INPUT else rows[source].outputs
            assert source < index
            assert shape in outputs, f"{row.path} has an input {shape}, but its source {source} outputs {outputs}"


def test_modules_against_torchinfo(traced: Traced) -> None:
    summary = torchinfo.summary(traced.model, input_data=traced.image, verbose=0, device="meta")
    theirs = [layer for layer in summary.summary_list if layer.executed and layer.depth > 0]
    ours = [row for row in traced.table.rows if row.is_module]
    assert [(row.op, row.depth + 1) for row in ours if row.depth == 0] == [
        (layer.class_name, layer.depth) for layer in theirs if layer.depth == 1
    ]
    assert len(ours) == len(theirs)
    assert summary.total_params == traced.table.total_params
    for row, layer in zip(ours, theirs, strict=True):
        assert row.op == layer.class_name
        assert row.name.split(".")[-1] == layer.var_name
        assert list(row.outputs[0]) == layer.output_size[1:], row.path
        if not row.reused and not traced.table.unused_params:
            assert row.params == layer.num_params, row.path
        if not row.has_children:
            assert row.macs == expected_macs(row, layer), row.path


def expected_macs(row: ShapeRow, layer: LayerInfo) -> int:
    """Return the MACs of a layer for one sample, from torchinfo's count for two samples, without its errors."""
    weights = dict(layer.module.named_parameters())
    positions = math.prod(layer.output_size[2:])
    bias = weights["bias"].numel() if "bias" in weights else 0
    if isinstance(layer.module, nn.Conv2d):
        return layer.macs // 2 - bias * positions
    if isinstance(layer.module, nn.Linear):
        return (layer.macs // 2 - bias) * math.prod(layer.output_size[1:-1])
    if isinstance(layer.module, nn.MultiheadAttention):
        tokens, width = row.outputs[0]
        biases = 4 * width * tokens
        scores_and_mixing = 2 * tokens**2 * width
        return layer.macs // 2 - biases + scores_and_mixing
    return 0


def test_functions_that_torchinfo_does_not_show() -> None:
    """ResNet flattens with a function, and adds the input of each of its eight blocks to the block's output."""
    table = Traced("resnet18").table
    functions = Counter(row.op for row in table.rows if not row.is_module)
    assert functions == {"+=": 8, "torch.flatten": 1}
    flatten = next(row for row in table.rows if row.name == "flatten")
    assert (flatten.inputs, flatten.outputs) == (((512, 1, 1),), ((512,),))


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5"])
def test_training_mode_gives_the_same_table(name: str) -> None:
    traced = Traced(name)
    traced.model.train()
    size = NETWORKS[name]
    assert trace(traced.model, (3, size, size)) == traced.table
