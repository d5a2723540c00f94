"""The multiply-accumulates of one sample, against numbers worked out by hand, on the CPU and on the meta device."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.calls import Recording
from fashion_tui.lab.trace.inputs import Arguments
from fashion_tui.lab.trace.model_copy import CPU, META, copy_model
from fashion_tui.lab.trace.record import record
from fashion_tui.lab.trace.recorder import Recorder

from .networks import FunctionNet


def _parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.rand(*shape))


def _run(model: nn.Module, inputs: Tensor) -> Recording:
    arguments = Arguments((inputs,), {})
    return record(Recorder(model, arguments), arguments, len(inputs), inputs.device)[0]


def _record(model: nn.Module, shape: tuple[int, ...], device: torch.device) -> Recording:
    recording = _run(copy_model(model, device), torch.rand(1, *shape, device=device))
    assert recording.error is None
    return recording


def _macs(forward: Callable[..., Any], shape: tuple[int, ...], **attributes: Any) -> set[int]:
    """Return the MACs on the CPU and on the meta device, which should be equal."""
    model = FunctionNet(forward, **attributes)
    recordings = [_record(model, shape, device) for device in (CPU, META)]
    assert not any(call.has_unknown_macs for recording in recordings for call in recording.calls)
    return {recording.macs for recording in recordings}


def test_products_of_matrices_and_vectors() -> None:
    assert _macs(lambda self, x: x[0] @ self.matrix, (4,), matrix=_parameter(4, 3)) == {12}
    assert _macs(lambda self, x: self.matrix @ x[0], (4,), matrix=_parameter(3, 4)) == {12}
    assert _macs(lambda self, x: x[0] @ self.vector, (4,), vector=_parameter(4)) == {4}
    assert _macs(lambda self, x: torch.addmv(self.bias, self.matrix, x[0]), (4,), bias=_parameter(3),
                 matrix=_parameter(3, 4)) == {12}  # fmt: skip
    assert _macs(lambda _, x: torch.addbmm(torch.zeros(3, 3), x, x), (3, 3)) == {27}


def test_a_bilinear_layer_multiplies_each_weight_once() -> None:
    assert _macs(lambda self, x: self.form(x, x[:, :3]), (4,), form=nn.Bilinear(4, 3, 5)) == {4 * 3 * 5}


def test_dot_products_and_distances_of_points() -> None:
    """A distance has one square for each coordinate; only Euclidean distances sum squares."""
    points, many = _parameter(7, 4), _parameter(70, 4)
    assert _macs(lambda _, x: torch.linalg.vecdot(x, x[:, :1]), (5, 4)) == {5 * 4}
    assert _macs(lambda _, x: torch.linalg.vecdot(x[0, 0], y=x[0, 0], dim=0), (5, 4)) == {4}
    assert _macs(lambda self, x: torch.cdist(x, self.points), (5, 4), points=points) == {5 * 7 * 4}
    assert _macs(lambda self, x: torch.cdist(x, self.points), (5, 4), points=many) == {5 * 70 * 4}
    assert _macs(lambda self, x: torch.cdist(x, self.points, p=1.0), (5, 4), points=points) == {0}


def test_einsum() -> None:
    assert _macs(lambda self, x: torch.einsum("bi,oi->bo", x, self.matrix), (4,), matrix=_parameter(3, 4)) == {12}
    assert _macs(lambda _, x: torch.einsum("bthd,bshd->bhts", x, x), (5, 2, 8)) == {2 * 5 * 5 * 8}


@pytest.mark.parametrize(
    "options", [{}, {"is_causal": True}, {"attn_mask": torch.zeros(5, 5)}, {"dropout_p": 0.5}], ids=str
)
def test_attention_as_a_function(options: dict[str, Any]) -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        values: dict[str, Any] = dict(options)
        if "attn_mask" in values:
            values["attn_mask"] = values["attn_mask"].to(x.device)
        return F.scaled_dot_product_attention(x, x, x, **values)

    assert _macs(forward, (2, 5, 8)) == {2 * (2 * 5 * 5 * 8)}, "2 products in each of 2 heads"


def test_attention_with_fewer_heads_of_keys_than_of_queries() -> None:
    macs = _macs(lambda _, x: F.scaled_dot_product_attention(x, x[:, :1], x[:, :1], enable_gqa=True), (2, 5, 8))
    assert macs == {2 * (2 * 5 * 5 * 8)}


@pytest.mark.parametrize("need_weights", [True, False])
def test_multihead_attention_with_keys_and_values_of_other_widths(*, need_weights: bool) -> None:
    attend = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=4)
    projections, products = 5 * 8 * (8 + 6 + 4 + 8), 2 * 5 * 5 * 8
    macs = _macs(lambda self, x: self.attend(x, x[..., :6], x[..., :4], need_weights=need_weights)[0], (5, 8),
                 attend=attend)  # fmt: skip
    assert macs == {projections + products}


def test_convolutions() -> None:
    """A transposed convolution multiplies each input value, any other convolution computes each output value."""
    grouped = nn.Conv2d(4, 6, 3, groups=2)
    assert _macs(lambda self, x: self.conv(x), (4, 5, 5), conv=grouped) == {6 * 3 * 3 * (2 * 3 * 3)}
    transposed = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
    assert _macs(lambda self, x: self.conv(x), (4, 5, 5), conv=transposed) == {4 * 5 * 5 * (3 * 3 * 3)}


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.RNN(4, 6, batch_first=True), 5 * 6 * (4 + 6)),
        (nn.GRU(4, 6, 2, batch_first=True), 5 * 3 * 6 * (4 + 6 + 6 + 6)),
        (nn.LSTM(4, 6, bidirectional=True, batch_first=True), 5 * 2 * 4 * 6 * (4 + 6)),
        (nn.LSTM(4, 6, proj_size=3, batch_first=True), 5 * (4 * 6 * (4 + 3) + 6 * 3)),
    ],
    ids=repr,
)
def test_recurrent_layers(layer: nn.Module, macs: int) -> None:
    assert _macs(lambda self, x: self.rnn(x), (5, 4), rnn=layer) == {macs}
    assert _macs(lambda self, x: self.rnn(x[0]), (5, 4), rnn=layer) == {macs}, "one sequence without a batch axis"


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_meta_device_gives_a_recurrent_layer_the_shapes_and_strides_of_the_cpu(*, batch_first: bool) -> None:
    layer = nn.GRU(4, 6, 2, bidirectional=True, batch_first=batch_first)
    model = FunctionNet(lambda self, x: self.rnn(x), rnn=layer)
    results = []
    for device in (CPU, META):
        network = copy_model(model, device)
        kept: list[Tensor] = []
        network.register_forward_hook(lambda _, __, result, kept=kept: kept.extend(result))
        _run(network, torch.rand(2, 5, 4, device=device))
        results.append([(tensor.shape, tensor.stride(), tensor.requires_grad) for tensor in kept])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("cell", "macs"), [(nn.RNNCell(4, 6), 60), (nn.GRUCell(4, 6), 3 * 60), (nn.LSTMCell(4, 6), 4 * 60)], ids=repr
)
def test_recurrent_cells(cell: nn.Module, macs: int) -> None:
    def forward(self: Any, x: Tensor) -> Any:
        state = self.cell(x)
        return self.cell(x, state)

    assert _macs(forward, (4,), cell=cell) == {2 * macs}
    table = trace(FunctionNet(forward, cell=cell), (4,), live=True)
    assert table.outputs == (((6,), (6,)) if isinstance(cell, nn.LSTMCell) else ((6,),))
    assert trace(FunctionNet(forward, cell=cell), (5,), live=True).error is not None, "the cell takes 4 features"


def test_a_packed_sequence_has_only_the_time_steps_that_it_holds() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 2]), batch_first=True)
        return self.rnn(packed)

    model = FunctionNet(forward, rnn=nn.LSTM(4, 6, batch_first=True))
    recording = _run(copy_model(model, CPU), torch.rand(2, 5, 4))
    assert recording.error is None
    assert recording.macs == (5 + 2) * 4 * 6 * (4 + 6)


def test_a_long_sequence_is_not_traced_step_by_step() -> None:
    """Step by step, 784 time steps take 5 s of CPU time."""

    def forward(self: Any, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0][:, -1])  # type: ignore[no-any-return]

    model = FunctionNet(forward, rnn=nn.LSTM(1, 64, batch_first=True), fc=nn.Linear(64, 10))
    trace(model, (4, 1))  # makes torch import its lazy modules
    for live in (False, True):
        start = time.process_time()
        table = trace(model, (784, 1), live=live)
        assert time.process_time() - start < 2
        assert (table.total_params, table.total_macs, table.outputs) == (17_802, 13_046_400, ((10,),))


def test_macs_that_are_not_known_are_not_zero() -> None:
    model = FunctionNet(lambda self, x: self.fc(torch.fft.fft(x).abs()), fc=nn.Linear(4, 3))
    for device in (CPU, META):
        recording = _record(model, (4,), device)
        unknown = {call.name for call in recording.calls if call.has_unknown_macs}
        assert unknown == {"fft_fft"}
        assert recording.macs == 12
    assert [row.macs for row in trace(model, (4,)).rows] == [None, 0, 12]


def test_a_custom_operation_has_unknown_macs() -> None:
    with torch.library._scoped_library("fashion_tui_test", "DEF") as library:
        library.define("twice(Tensor x) -> Tensor")
        library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
        model = FunctionNet(lambda self, x: self.fc(torch.ops.fashion_tui_test.twice(x)), fc=nn.Linear(4, 3))
        recording = _record(model, (4,), CPU)
    assert [(call.name, call.has_unknown_macs, call.macs) for call in recording.calls] == [
        ("twice", True, 0),
        ("fc", False, 12),
    ]


def test_the_total_has_the_known_macs_beside_an_unknown_row() -> None:
    block = FunctionNet(lambda self, x: self.fc(torch.fft.fft(x).real), fc=nn.Linear(4, 3))
    table = trace(nn.Sequential(block, nn.DataParallel(nn.Linear(3, 5))), (4,))
    macs = {row.path: row.macs for row in table.rows}
    assert (macs["0"], macs["0.fc"], macs["1"], macs["1.module"]) == (None, 12, 15, 15)
    assert (table.total_macs, table.has_unknown_macs) == (12 + 15, True)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_quantized_layer() -> None:
    quantized = pytest.importorskip("torch.ao.nn.quantized.dynamic")
    model = nn.Sequential(quantized.Linear(6, 4), nn.ReLU())
    recording = _record(model, (6,), CPU)
    assert [(call.name, call.macs, call.outputs) for call in recording.calls] == [
        ("0", 24, [(1, 4)]),
        ("1", 0, [(1, 4)]),
    ]
