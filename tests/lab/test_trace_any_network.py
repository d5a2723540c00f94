"""Networks of an unusual structure: with parts that can't be copied, hidden methods, rings, scripts and hooks."""

import itertools
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.utils import parametrizations, parametrize

from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.model_copy import CPU, META, copy_model
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeTable

from .networks import FunctionNet


def _rows(table: ShapeTable) -> list[tuple[str, tuple[int, ...], int, int | None]]:
    """Return the name, the output, the parameters and the MACs of each row, after checking that nothing failed."""
    assert table.error is None
    assert not table.unused
    return [(row.name, row.outputs[0], row.params, row.macs) for row in table.rows]


def _product(x: Tensor, weight: Tensor) -> Tensor:
    return torch.mm(x, weight) * 2


def _numbers() -> Iterator[int]:
    yield from range(100)


@pytest.fixture(params=["lock", "thread pool", "generator", "file", "module", "random numbers"])
def uncopyable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with ThreadPoolExecutor(1) as pool, (tmp_path / "log").open("w") as file:
        yield {
            "lock": threading.Lock(), "thread pool": pool, "generator": _numbers(), "file": file, "module": itertools,
            "random numbers": torch.Generator(),
        }[request.param]  # fmt: skip


def test_an_attribute_that_cannot_be_copied(uncopyable: Any) -> None:
    model = FunctionNet(lambda self, x: self.fc(x), fc=nn.Linear(4, 3), part=uncopyable, parts={"deep": [uncopyable]})
    assert _rows(trace(model, (4,))) == [("fc", (3,), 15, 12)]


def test_an_object_that_holds_a_lock_and_a_layer() -> None:
    """The object is copied although its lock isn't, so that it calls the copy's layer."""

    class Guard:
        def __init__(self, layer: nn.Module) -> None:
            self.lock, self.layer = threading.Lock(), layer

        def run(self, x: Tensor) -> Any:
            with self.lock:
                return self.layer(x)

    layer = nn.Linear(4, 3)
    model = FunctionNet(lambda self, x: self.guard.run(x), fc=layer, guard=Guard(layer))
    assert _rows(trace(model, (4,))) == [("fc", (3,), 15, 12)]
    assert copy_model(model, CPU).guard.layer is not layer  # type: ignore[union-attr]


def test_functions_over_the_network_itself() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 5)
            self.gain = nn.Parameter(torch.ones(1))
            self.head: Any = lambda x: self.gain * self.fc(x)
            self.method = self.scale
            self.weak = weakref.ref(self)
            self.fc.register_forward_hook(lambda _, __, output: output + self.gain)

        def scale(self, x: Tensor) -> Tensor:
            return x * self.gain

        def forward(self, x: Tensor) -> Tensor:
            assert self.weak() is self
            return self.method(self.head(x))

    table = trace(Heads(), (6,))
    assert _rows(table) == [("fc", (5,), 35, 30), ("add", (5,), 1, 0), ("mul", (5,), 0, 0), ("mul", (5,), 0, 0)]
    assert not table.remarks
    assert table.total_params == 36


@pytest.mark.parametrize("words", ["its data is not allocated yet", "CUDA error: an illegal address"])
def test_an_operation_that_refuses_the_meta_device(words: str) -> None:
    """The wording of the error differs between operations."""

    def twice(x: Tensor) -> Tensor:
        if x.is_meta:
            raise RuntimeError(words)
        return torch.from_numpy(x.detach().numpy() * 2)

    table = trace(FunctionNet(lambda self, x: self.fc(twice(x)), fc=nn.Linear(6, 4)), (6,))
    assert _rows(table) == [("fc", (4,), 28, 24)]
    assert table.ran == "real"


def test_attributes_in_slots() -> None:
    class Slots(nn.Module):
        __slots__ = ("scale",)

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)
            object.__setattr__(self, "scale", torch.ones(3))

        def forward(self, x: Tensor) -> Any:
            return self.fc(x) * self.scale

    assert _rows(trace(nn.Sequential(Slots()), (4,)))[1:] == [("fc", (3,), 15, 12), ("mul", (3,), 0, 0)]


def test_a_function_that_calls_itself() -> None:
    class Recursive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

            def apply(x: Tensor, times: int) -> Tensor:
                return apply(self.fc(x), times - 1) if times else x

            self.apply_times = apply

        def forward(self, x: Tensor) -> Tensor:
            return self.apply_times(x, 2)

    assert _rows(trace(Recursive(), (4,))) == [("fc", (4,), 20, 16), ("fc", (4,), 0, 16)]


@pytest.mark.parametrize("name", ["modules", "children", "parameters", "named_modules", "named_parameters", "buffers"])
def test_an_attribute_that_hides_a_method_of_torch(name: str) -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)
            setattr(self, name, [nn.Conv2d(3, 4, 3)])

        def forward(self, x: Tensor) -> Any:
            return self.fc(getattr(self, name)[0](x))

    table = trace(Hidden(), (3, 8, 6))
    assert _rows(table) == [(f"{name}.0", (4, 6, 4), 0, 4 * 6 * 4 * 27), ("fc", (4, 6, 3), 15, 4 * 6 * 12)]
    assert table.total_params == 15, "the convolution is not registered, so its weights are not the network's"
    (remark,) = table.remarks
    assert remark.row == 0
    assert "ModuleList" in remark.text


def test_an_attribute_called_forward() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    model.forward = lambda x: model[0](x) * 2  # type: ignore[method-assign]
    assert _rows(trace(model, (4,))) == [("0", (3,), 15, 12), ("mul", (3,), 0, 0)]


def test_a_child_that_holds_its_parent() -> None:
    class Child(nn.Module):
        def __init__(self, parent: nn.Module) -> None:
            super().__init__()
            self.parent = parent
            self.spare = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.parent.fc(x)  # type: ignore[no-any-return, operator]

    model = FunctionNet(lambda self, x: self.child(x), fc=nn.Linear(4, 3))
    model.child = Child(model)
    table = trace(model, (4,))
    assert [(row.name, row.params) for row in table.rows] == [("child", 15), ("fc", 15)]
    assert (table.error, table.total_params, table.unused) == (None, 21, ("child.spare",))


def test_layers_in_plain_lists_dicts_and_objects() -> None:
    class Holder:
        def __init__(self) -> None:
            self.layer = nn.Linear(3, 2)

    def forward(self: Any, x: Tensor) -> Any:
        return self.holder.layer(self.by_name["mid"][0](self.layers[0](x)))

    model = FunctionNet(forward, layers=[nn.Linear(5, 4)], by_name={"mid": (nn.Sequential(nn.Linear(4, 3)),)},
                        holder=Holder())  # fmt: skip
    table = trace(model, (5,))
    names = ["layers.0", "by_name.mid.0", "by_name.mid.0.0", "holder.layer"]
    assert [row.path for row in table.rows] == names
    assert [row.macs for row in table.rows] == [20, 12, 12, 6]
    assert table.total_params == 0


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
def test_a_scripted_block_is_one_row() -> None:
    block = torch.jit.script(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)))
    model = nn.Sequential(nn.Linear(5, 4), block)
    table = trace(model, (5,))
    assert _rows(table) == [("0", (4,), 24, 20), ("1", (3,), 30 + 21, 24 + 18)]
    assert table.rows[1].op == "Sequential"
    assert table.rows[1].sources == (0,)
    assert _rows(trace(block, (4,))) == [("Sequential", (3,), 51, 42)], "the network itself may be scripted"
    assert block(torch.rand(1, 4)).shape == (1, 3)


class _Branches(nn.Module):
    """Chooses one of two layers by the values of the input, with `torch.cond`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(2, 5)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = torch.cond(x.mean() > 0, lambda x: self.first(x) + 1, lambda x: self.second(x) + 2, (x,))
        return self.head(output)  # type: ignore[no-any-return]


def test_a_branch_of_torch_cond_is_one_row_with_unknown_macs() -> None:
    table = trace(_Branches(), (3,))
    assert (table.error, table.outputs, table.unused, table.total_macs) == (None, ((5,),), (), 10)
    row = next(row for row in table.rows if row.op == "torch.cond")
    assert (row.inputs[-1], row.outputs, row.macs, row.own_params) == ((3,), ((2,),), None, 16)
    assert table.rows[-1].sources == (table.rows.index(row),)


def test_flex_attention_runs() -> None:
    attend: Any = flex_attention
    table = trace(FunctionNet(lambda _, x: attend(x, x, x)), (2, 16, 8))
    assert (table.error, table.outputs) == (None, ((2, 16, 8),))
    assert [(row.op, row.macs) for row in table.rows] == [("flex_attention", None)]


@pytest.mark.parametrize("how", ["torch.compile", "method"])
def test_a_compiled_block_runs_uncompiled(how: str) -> None:
    block: Any = nn.Linear(4, 3)
    if how == "method":
        block.compile()
    else:
        block = torch.compile(block)
    assert _rows(trace(nn.Sequential(nn.Linear(5, 4), block), (5,))) == [("0", (4,), 24, 20), ("1", (3,), 15, 12)]
    assert _rows(trace(block, (4,))) == [("Linear", (3,), 15, 12)]


def test_a_compiled_function_runs_uncompiled() -> None:
    compiled = torch.compile(lambda x: torch.relu(x) * 2)
    model = FunctionNet(lambda self, x: self.head(self.fc(x)), fc=nn.Linear(4, 3), head=compiled)
    assert [row[0] for row in _rows(trace(model, (4,)))] == ["fc", "relu", "mul"]


def test_functional_call_with_other_weights() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        weights = {name: weight * self.scale for name, weight in self.fc.named_parameters()}
        return torch.func.functional_call(self.fc, weights, (x,))

    table = trace(FunctionNet(forward, fc=nn.Linear(4, 3), scale=nn.Parameter(torch.ones(1))), (4,))
    assert _rows(table) == [("mul", (3, 4), 13, 0), ("mul", (3,), 3, 0), ("fc", (3,), 0, 12)]
    assert not table.remarks


def test_a_layer_inside_vmap() -> None:
    table = trace(FunctionNet(lambda self, x: torch.vmap(self.fc)(x), fc=nn.Linear(4, 3)), (5, 4))
    assert (table.error, table.outputs, table.total_params, table.total_macs) == (None, ((5, 3),), 15, 60)


def test_weights_inside_vmap_are_used() -> None:
    """An ensemble of five linear layers, whose weights are stacked."""
    model = FunctionNet(lambda self, x: torch.vmap(lambda w: x @ w)(self.weights).mean(0))
    model.weights = nn.Parameter(torch.rand(5, 8, 3))
    table = trace(model, (8,))
    assert _rows(table)[0] == ("matmul", (3,), 120, 5 * 8 * 3)
    assert table.rows[0].settings == "weights"


def test_a_nested_tensor_has_the_shape_of_its_values() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        rows = torch.nested.nested_tensor(list(x), layout=torch.jagged)
        return self.fc(rows)

    table = trace(FunctionNet(forward, fc=nn.Linear(8, 3)), (5, 8))
    assert table.error is None
    layer = table.rows[-1]
    assert (layer.name, layer.outputs, layer.params, layer.macs) == ("fc", ((5, 3),), 27, None)
    assert all(type(size) is int for row in table.rows for shape in row.outputs for size in shape)


def test_hooks_that_change_inputs_and_outputs() -> None:
    layer = nn.Linear(4, 3)
    layer.register_forward_pre_hook(lambda _, args: (args[0][:, :4],))
    layer.register_forward_hook(lambda _, __, output: output.relu())
    table = trace(nn.Sequential(layer), (6,))
    assert _rows(table) == [("getitem", (4,), 0, 0), ("0", (3,), 15, 12), ("relu", (3,), 0, 0)]
    assert [row.sources for row in table.rows] == [(NETWORK_INPUT,), (0,), (1,)]


def test_a_packed_sequence() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        lengths = torch.full((len(x),), 5)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.fc(outputs[:, -1])  # type: ignore[no-any-return]

    table = trace(FunctionNet(forward, rnn=nn.GRU(4, 6, batch_first=True), fc=nn.Linear(6, 2)), (5, 4))
    assert (table.error, table.outputs) == (None, ((2,),))
    assert table.total_macs == 5 * 18 * (4 + 6) + 12
    assert table.total_params == 18 * (4 + 6) + 36 + 14


@pytest.mark.parametrize(
    "how", [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal]
)
def test_a_weight_that_is_computed_from_other_weights(how: Any) -> None:
    model = nn.Sequential(how(nn.Linear(4, 3)), nn.ReLU())
    expected = sum(parameter.numel() for parameter in model.parameters())
    table = trace(model, (4,))
    assert (table.error, table.outputs, table.total_params, table.unused) == (None, ((3,),), expected, ())
    assert parametrize.is_parametrized(model[0])


def test_a_traced_graph() -> None:
    model = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    assert _rows(trace(model, (4,))) == [("0", (3,), 15, 12), ("1", (3,), 0, 0)]


def test_a_block_that_is_recomputed_in_the_backward_pass() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        return torch.utils.checkpoint.checkpoint(self.fc, x, use_reentrant=False)

    assert _rows(trace(FunctionNet(forward, fc=nn.Linear(4, 3)), (4,))) == [("fc", (3,), 15, 12)]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
def test_a_scripted_function_is_one_row() -> None:
    function = torch.jit.script(_product)
    model = FunctionNet(lambda self, x: self.fc(function(x, self.weight)), weight=nn.Parameter(torch.ones(6, 4)),
                        fc=nn.Linear(4, 3))  # fmt: skip
    table = trace(model, (6,))
    assert _rows(table) == [("_product", (4,), 24, 24), ("fc", (3,), 15, 12)]
    assert table.rows[1].sources == (0,)
    assert torch.equal(function(torch.ones(1, 2), torch.ones(2, 1)), torch.tensor([[4.0]])), "it works as before"


def test_layers_that_run_in_other_threads() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        with ThreadPoolExecutor(2) as pool:
            left, right = pool.map(lambda layer: layer(x), [self.left, self.right])
        return left + right

    model = FunctionNet(forward, left=nn.Linear(8, 3), right=nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)))
    table = trace(model, (8,))
    assert (table.error, table.total_params, table.total_macs) == (None, 90, 24 + 40 + 15)
    rows = {row.path: (row.depth, row.params, row.macs) for row in table.rows}
    assert rows["left"] == (0, 27, 24)
    assert rows["right"] == (0, 63, 55)
    assert rows["right.0"] == (1, 45, 40)


def test_a_layer_that_forward_creates() -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc: nn.Module | None = None

        def forward(self, x: Tensor) -> Any:
            if self.fc is None:
                self.fc = nn.Linear(x.shape[1], 3)
            return self.fc(x)

    table = trace(Late(), (4,))
    assert (table.error, table.outputs, table.total_params, table.total_macs) == (None, ((3,),), 15, 12)
    assert sum(row.own_params for row in table.rows) == 15
    assert not table.remarks


def test_a_layer_that_is_called_directly() -> None:
    """`layer.forward(x)` instead of `layer(x)`."""
    model = FunctionNet(lambda self, x: F.relu(self.fc.forward(x)), fc=nn.Linear(4, 3))
    assert _rows(trace(model, (4,))) == [("fc", (3,), 15, 12), ("relu", (3,), 0, 0)]


def test_copies_share_what_the_original_shares() -> None:
    shared = nn.Linear(2, 2)
    model = FunctionNet(lambda _, x: x, left=shared, right=shared, pair=[shared, shared.weight])
    for device in (CPU, META):
        copied: Any = copy_model(model, device)
        assert copied.left is copied.right is copied.pair[0] is not shared
        assert copied.pair[1] is copied.left.weight is not shared.weight
        assert copied.left.weight.device == device
    assert torch.equal(copy_model(model, CPU).left.weight, shared.weight)  # type: ignore[union-attr, arg-type]
