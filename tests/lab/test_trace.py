"""The shape trace has a row for every call, with its shapes, parameters and MACs."""

import resource
import time
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.trace import NeedsValues, trace
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeTable

from .networks import FunctionNet, Guide, Residual, build_on_meta


def names(table: ShapeTable) -> list[str]:
    return [row.name for row in table.rows]


def macs_by_torch(model: nn.Module, *shapes: tuple[int, ...]) -> int:
    """Return the MACs of one sample, counted by FlopCounterMode itself."""
    counts: list[int] = []
    for batch in (2, 3):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            model.to("meta")(*(torch.empty(batch, *shape) for shape in shapes))
        counts.append(counter.get_total_flops() // 2)
    two, three = counts
    return 2 * two - three


def test_the_guides_network_has_ten_rows() -> None:
    table = trace(Guide(), (1, 28, 28), name="guide")
    rows = [(row.name, row.op, row.inputs[0], row.outputs[0], row.settings, row.params, row.macs) for row in table.rows]
    assert rows == [
        ("conv1", "Conv2d", (1, 28, 28), (12, 28, 28), "5×5 p2", 312, 235_200),
        ("relu", "F.relu", (12, 28, 28), (12, 28, 28), "", 0, 0),
        ("max_pool2d", "F.max_pool2d", (12, 28, 28), (12, 14, 14), "2×2 s2", 0, 0),
        ("conv2", "Conv2d", (12, 14, 14), (20, 14, 14), "5×5 p2", 6_020, 1_176_000),
        ("relu", "F.relu", (20, 14, 14), (20, 14, 14), "", 0, 0),
        ("max_pool2d", "F.max_pool2d", (20, 14, 14), (20, 7, 7), "2×2 s2", 0, 0),
        ("view", "view", (20, 7, 7), (980,), "-1, 980", 0, 0),
        ("fc1", "Linear", (980,), (200,), "", 196_200, 196_000),
        ("relu", "F.relu", (200,), (200,), "", 0, 0),
        ("fc2", "Linear", (200,), (10,), "", 2_010, 2_000),
    ]
    assert table.model == "guide"
    assert (table.input_size, table.outputs) == ((1, 28, 28), ((10,),))
    assert (table.total_params, table.trainable_params, table.total_macs) == (204_542, 204_542, 1_609_200)
    assert [row.sources for row in table.rows] == [(NETWORK_INPUT,), *((index,) for index in range(9))]
    assert {row.dtype for row in table.rows} == {"float32"}
    assert (table.ran, table.batch) == ("real", 1)
    assert table.error is None
    assert not table.remarks
    assert not table.unused


def test_the_built_in_guide_network_has_the_same_totals() -> None:
    table = trace(GuideNet(), (1, 28, 28))
    assert len(table.rows) == 10
    assert [row.name for row in table.rows if row.is_module] == ["conv1", "conv2", "fc1", "fc2"]
    assert (table.total_params, table.total_macs) == (204_542, 1_609_200)
    assert table.model == "GuideNet"


def test_activations_count_newly_allocated_memory() -> None:
    rows = trace(Guide(), (1, 28, 28)).rows
    assert rows[0].activation_bytes == 12 * 28 * 28 * 4
    assert rows[6].name == "view"
    assert rows[6].activation_bytes == 0
    in_place = trace(nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True)), (1, 4, 4))
    assert [row.activation_bytes for row in in_place.rows] == [2 * 16 * 4, 0]
    assert in_place.activation_bytes == 2 * 16 * 4


def test_rows_are_nested_under_the_module_that_calls_them() -> None:
    table = trace(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Residual(8)), (3, 6, 6))
    assert [(row.path, row.depth, row.op, row.has_children) for row in table.rows] == [
        ("0", 0, "Conv2d", False),
        ("1", 0, "Residual", True),
        ("1.conv", 1, "Conv2d", False),
        ("1.norm", 1, "BatchNorm2d", False),
        ("1.relu", 1, "F.relu", False),
        ("1.add_", 1, "+=", False),
    ]
    block, *inside = table.rows[1:]
    assert block.params == sum(row.params for row in inside) == 8 * 8 * 9 + 16
    assert block.own_params == 0
    assert block.macs == sum(row.macs or 0 for row in inside) == 8 * 8 * 9 * 36
    assert table.rows[5].inputs == ((8, 6, 6), (8, 6, 6))
    assert table.rows[5].sources == (4, 0), "one operand of the addition is the block's input"


@pytest.mark.parametrize("training", [True, False])
def test_dropout_and_batch_norm_in_both_modes(*, training: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3)).train(training)
    table = trace(model, (4,))
    assert names(table) == ["0", "1", "2"]
    assert [row.outputs for row in table.rows] == [((6,),)] * 3
    assert table.rows[2].settings == "p=0.3"
    functional = FunctionNet(lambda self, x: F.dropout(x, 0.3, self.training)).train(training)
    assert [(row.op, row.settings) for row in trace(functional, (4,)).rows] == [("F.dropout", "p=0.3")]


def test_a_layer_that_is_called_twice_is_counted_once() -> None:
    layer = nn.Linear(5, 5)
    table = trace(FunctionNet(lambda self, x: self.b(self.a(self.a(x))), a=layer, b=nn.Linear(5, 5)), (5,))
    assert [(row.name, row.params, row.reused, row.macs) for row in table.rows] == [
        ("a", 30, False, 25),
        ("a", 0, True, 25),
        ("b", 30, False, 25),
    ]
    assert table.total_params == 60


def test_weights_that_two_layers_share_are_counted_once() -> None:
    encode, decode = nn.Linear(6, 6), nn.Linear(6, 6)
    decode.weight = encode.weight
    model = FunctionNet(lambda self, x: self.decode(self.encode(x)), encode=encode, decode=decode)
    table = trace(model, (6,))
    assert [row.params for row in table.rows] == [42, 6]
    assert not table.rows[1].reused
    assert table.total_params == 48 == sum(parameter.numel() for parameter in model.parameters())


def test_frozen_layers_are_not_trainable() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2), nn.ReLU())
    model[0].requires_grad_(False)
    table = trace(model, (4,))
    assert [row.trainable for row in table.rows] == [False, True, False]
    assert (table.total_params, table.trainable_params) == (30, 10)


def test_parameters_without_a_layer_belong_to_the_call_that_uses_them() -> None:
    model = FunctionNet(lambda self, x: (x + self.position) @ self.weight, position=nn.Parameter(torch.zeros(5, 3)))
    model.weight = nn.Parameter(torch.zeros(3, 7))
    table = trace(model, (5, 3))
    assert [(row.op, row.settings, row.params, row.macs) for row in table.rows] == [
        ("+", "position", 15, 0),
        ("@", "weight", 21, 5 * 3 * 7),
    ]
    assert [row.inputs for row in table.rows] == [((5, 3),), ((5, 3),)]


def test_macs_of_weights_alone_do_not_depend_on_the_batch() -> None:
    model = FunctionNet(lambda self, x: x @ (self.left @ self.right), left=nn.Parameter(torch.zeros(4, 3)))
    model.right = nn.Parameter(torch.zeros(3, 5))
    table = trace(model, (4,))
    assert [row.macs for row in table.rows] == [4 * 3 * 5, 4 * 5]
    assert table.total_macs == 80


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LSTM(6, 8, 2, bidirectional=True, batch_first=True), (5, 6)),
        (nn.GRU(6, 8, batch_first=True), (5, 6)),
        (nn.RNN(6, 8, batch_first=True), (5, 6)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
        (nn.ConvTranspose2d(3, 4, 2, stride=2), (3, 5, 5)),
        (nn.Conv1d(4, 6, 3, groups=2), (4, 9)),
    ],
)
def test_macs_are_those_that_torch_counts(layer: nn.Module, shape: tuple[int, ...]) -> None:
    table = trace(layer, shape)
    assert table.total_macs > 0
    assert table.total_macs == macs_by_torch(layer, shape)
    assert table.total_params == sum(parameter.numel() for parameter in layer.parameters())


@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_is_one_row_with_all_its_macs(*, need_weights: bool) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    model = FunctionNet(lambda self, x: self.attend(x, x, x, need_weights=need_weights)[0], attend=attention)
    table = trace(model, (5, 8))
    assert names(table) == ["attend"]
    assert table.rows[0].settings == "2 heads"
    assert table.rows[0].inputs == ((5, 8),) * 3
    projections, products = 4 * 5 * 8 * 8, 2 * 5 * 5 * 8
    assert table.total_macs == projections + products


def test_recurrent_layers_have_several_outputs() -> None:
    row = trace(nn.LSTM(6, 8, 2, batch_first=True), (5, 6)).rows[0]
    assert row.outputs == ((5, 8), (2, 8), (2, 8))
    assert row.settings == "2 layers, batch first"


def test_several_inputs_tuples_and_dicts() -> None:
    def forward(self: Any, left: Tensor, right: Tensor) -> dict[str, Any]:
        first, second = torch.cat([self.a(left), self.b(right)], dim=1).chunk(2, dim=1)
        return {"sum": first + second, "parts": (first, second)}

    model = FunctionNet(forward, a=nn.Linear(3, 4), b=nn.Linear(5, 4))
    table = trace(model, ((3,), (5,)))
    assert [spec.shape for spec in table.inputs] == [(3,), (5,)]
    assert table.outputs == ((4,), (4,), (4,))
    assert [(row.name, row.settings) for row in table.rows] == [
        ("a", ""),
        ("b", ""),
        ("cat", "dim=1"),
        ("chunk", "2, dim=1"),
        ("add", ""),
    ]
    assert table.rows[3].outputs == ((4,), (4,))
    assert table.rows[4].sources == (3, 3)


def test_in_place_and_indexing_calls() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y: Tensor = self.fc(x)
        y[:, 0] = 0
        y.mul_(2)
        return y[..., 1:3]

    table = trace(FunctionNet(forward, fc=nn.Linear(4, 5)), (4,))
    assert [(row.name, row.op, row.settings, row.outputs) for row in table.rows] == [
        ("fc", "Linear", "", ((5,),)),
        ("setitem", "[]=", "[:, 0]", ((5,),)),
        ("mul_", "*=", "2", ((5,),)),
        ("getitem", "[]", "[…, 1:3]", ((2,),)),
    ]
    assert [row.sources for row in table.rows] == [(NETWORK_INPUT,), (0,), (1,), (2,)]


def test_a_call_that_does_nothing_has_no_row() -> None:
    table = trace(FunctionNet(lambda _, x: x.contiguous().to(x.dtype).detach().float() * x.shape[1]), (4,))
    assert [(row.op, row.settings, row.sources) for row in table.rows] == [("*", "4", (NETWORK_INPUT,))]


def test_the_batch_axis_may_be_any_axis() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        steps = self.fc(x).transpose(0, 1)  # [length, batch, features]
        # The last reshape merges the windows into the batch axis.
        windows = steps.reshape(3, 2, x.size(0), 8).permute(2, 0, 1, 3).reshape(-1, 2, 8)
        return windows.reshape(x.size(0), 6, 8).mean(1)  # type: ignore[no-any-return]

    table = trace(FunctionNet(forward, fc=nn.Linear(4, 8)), (6, 4))
    shapes = {row.name: row.outputs[0] for row in table.rows[:4]} | {"windows": table.rows[4].outputs[0]}
    assert shapes["transpose"] == (6, 8)
    assert shapes["reshape"] == (3, 2, 8)
    assert shapes["windows"] == (3, 2, 8)
    assert table.rows[2].settings == "3, 2, N, 8"
    assert table.outputs == ((8,),)


def test_a_network_that_needs_values_runs_on_the_cpu() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        out, _ = self.rnn(x)
        return out if out.sum() > 1e9 else out * 2  # type: ignore[no-any-return]

    model = FunctionNet(forward, rnn=nn.LSTM(4, 6, batch_first=True))
    table = trace(model, (5, 4))
    assert table.ran == "real"
    assert table.error is None
    assert names(table) == ["rnn", "sum", "gt", "mul"]
    assert table.total_macs == 5 * 4 * 6 * (4 + 6), (
        "an LSTM's MACs are counted even though the CPU runs it as one operation that has no MAC formula"
    )


def test_a_network_on_meta_that_needs_values() -> None:
    model = build_on_meta(FunctionNet, lambda self, x: self.fc(x) * x.sum().item(), fc=build_on_meta(nn.Linear, 3, 2))
    with pytest.raises(NeedsValues, match="meta"):
        trace(model, (3,))


def test_an_embedding_gets_integers() -> None:
    table = trace(nn.Sequential(nn.Embedding(100, 16), nn.Flatten(), nn.Linear(80, 4)), (5,))
    assert table.error is None
    assert [row.outputs[0] for row in table.rows] == [(5, 16), (80,), (4,)]


def test_lazy_layers_get_their_shape_from_the_input() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(5))
    table = trace(model, (1, 6, 6))
    assert [row.op for row in table.rows] == ["Conv2d", "Flatten", "Linear"]
    assert table.total_params == 8 * 9 + 8 + 128 * 5 + 5
    assert isinstance(model[0], nn.LazyConv2d), "the trace must not initialise the model itself"


def test_half_precision() -> None:
    row = trace(nn.Linear(3, 4).to(torch.bfloat16), (3,)).rows[0]
    assert (row.dtype, row.activation_bytes) == ("bfloat16", 8)


def test_loops_over_the_batch() -> None:
    table = trace(FunctionNet(lambda self, x: torch.stack([self.fc(one) for one in x]), fc=nn.Linear(3, 2)), (3,))
    assert table.outputs == ((2,),)
    assert table.total_macs == 6


def test_calls_inside_a_custom_autograd_function_have_rows() -> None:
    class Clamp(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x.clamp(min=0)

    table = trace(FunctionNet(lambda self, x: self.fc(Clamp.apply(self.fc(x))), fc=nn.Linear(3, 3)), (3,))
    assert names(table) == ["fc", "clamp", "fc"]
    assert table.rows[2].sources == (1,)


def test_unused_layers_are_listed() -> None:
    model = FunctionNet(lambda self, x: self.used(x), used=nn.Linear(3, 3), spare=nn.Sequential(nn.Linear(3, 3)))
    model.scale = nn.Parameter(torch.zeros(5))
    table = trace(model, (3,))
    assert table.unused == ("scale", "spare")
    assert table.unused_params == 17
    assert sum(row.own_params for row in table.rows) + table.unused_params == table.total_params == 29


def test_layers_in_a_plain_list_cause_a_remark() -> None:
    model = FunctionNet(lambda self, x: self.layers[0](x), layers=[nn.Linear(5, 3)])
    table = trace(model, (5,))
    assert table.total_params == 0
    (remark,) = table.remarks
    assert remark.row == 0
    assert "nn.ModuleList" in remark.text


def test_a_view_that_joins_samples_causes_a_remark() -> None:
    table = trace(FunctionNet(lambda self, x: self.fc(x.view(-1, 98)), fc=nn.Linear(98, 10)), (4, 7, 7))
    assert table.outputs == ((2, 10),)
    (remark,) = table.remarks
    assert remark.row == 0
    for words in ("[4, 7, 7]", "2 of shape [98]", "joined"):
        assert words in remark.text
    assert not table.rows[0].mixes_samples


def test_a_billion_parameters_take_no_memory_and_less_than_a_second() -> None:
    layers = [nn.TransformerEncoderLayer(4096, 32, 16384, batch_first=True, device="meta") for _ in range(5)]
    model = nn.Sequential(*layers)
    trace(nn.Linear(2, 2), (2,))  # makes torch import its lazy modules
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    table = trace(model, (128, 4096))
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert table.total_params > 1_000_000_000
    assert seconds < 1
    assert grown < 50_000, f"{grown} KiB more"


def test_few_copies_of_the_weights_exist_at_a_time() -> None:
    model = nn.Sequential(*(nn.Linear(2000, 2000) for _ in range(12)))  # 188 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    table = trace(model, (2000,))
    assert (table.total_params, table.ran) == (12 * 2000 * 2001, "real")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2.5 * 188 * 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert trace(model, (2000,), live=True).ran == "meta"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize(
    "size", [(), (0, 28, 28), (1, -28, 28), (1.5,), "1x28x28", 28, (True,), ((3,), (0,)), (2**31, 2)]
)
def test_an_invalid_input_size(size: Any) -> None:
    with pytest.raises(UsageError, match="input size") as caught:
        trace(Guide(), size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", [Guide, "guide", None])
def test_a_model_that_is_not_a_module(model: Any) -> None:
    with pytest.raises(UserError, match=r"nn\.Module"):
        trace(model, (1, 28, 28))
