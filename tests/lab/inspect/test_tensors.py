"""The tensors of a namespace: names, statistics, shared memory, and the values of one tensor."""

import math
import time
import warnings
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fashion_tui.lab.inspect.inspector import Inspector
from fashion_tui.lab.inspect.tensors import MAX_ROWS, ListedTensors, list_tensors
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.tensors import ListTensors, ReadTensor, TensorList, TensorRow, TensorValues


def rows_of(**namespace: object) -> dict[str, TensorRow]:
    return {row.name: row for row in list_tensors(namespace, lambda _name, _value: False, ListedTensors()).rows}


def read(values: object, rows: int = 4, columns: int = 4, start: tuple[int, ...] = ()) -> TensorValues:
    reply = Inspector({"x": values}, lambda _name, _value: False).answer(
        ReadTensor(name="x", rows=rows, columns=columns, start=start)
    )
    assert isinstance(reply, TensorValues)
    return reply


def test_tensors_are_named_by_python_expressions() -> None:
    batch = (torch.ones(2, 3), torch.tensor([1, 2]))
    rows = rows_of(a=torch.zeros(2), n=3, batch=batch, named={"w": torch.ones(1), 7: np.ones(2)}, net=GuideNet())
    assert list(rows)[:5] == ["a", "batch[0]", "batch[1]", "named['w']", "named[7]"]
    assert rows["batch[0]"].shape == (2, 3)
    assert rows["named[7]"].kind == "array"
    weights = {name.removeprefix("net."): row for name, row in rows.items() if name.startswith("net.")}
    assert {name: row.shape for name, row in weights.items()} == {
        name: tuple(value.shape) for name, value in GuideNet().state_dict().items()
    }
    assert all(row.kind == "parameter" and row.origin == "leaf" for row in weights.values())
    assert rows_of(norm=nn.BatchNorm2d(3))["norm.running_var"].kind == "buffer"


def test_statistics_are_those_of_torch() -> None:
    values = torch.randn(7, 30)
    row = rows_of(values=values)["values"]
    assert row.statistics is not None
    assert (row.statistics.low, row.statistics.high) == (values.min().item(), values.max().item())
    assert row.statistics.mean == pytest.approx(values.double().mean().item())
    assert row.statistics.sample_size == 0
    assert (row.dtype, row.device, row.nbytes, row.origin) == ("float32", "cpu", 840, "")


def test_non_finite_values_are_counted_and_excluded() -> None:
    nan, infinity = math.nan, math.inf
    statistics = rows_of(x=torch.tensor([1.0, nan, 3.0, infinity, -infinity, nan]))["x"].statistics
    assert statistics is not None
    assert (statistics.low, statistics.mean, statistics.high) == (1.0, 2.0, 3.0)
    assert (statistics.nans, statistics.infinities) == (2, 2)
    only = rows_of(x=torch.full((3,), nan))["x"].statistics
    assert only is not None
    assert (only.low, only.nans) == (None, 3)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (torch.tensor([True, False]), 0, 1),
        (torch.tensor([-5, 2**40]), -5, 2**40),
        (torch.tensor([3 + 4j]), 5, 5),
        (torch.tensor([1.0, 2.0], dtype=torch.bfloat16), 1, 2),
        (torch.tensor([1.0, 2.0], dtype=torch.float8_e4m3fn), 1, 2),
        (torch.eye(3).to_sparse(), 1, 1),
        (torch.arange(6).reshape(2, 3).T, 0, 5),
        (torch.tensor(2.0).expand(1000, 1000, 1000), 2, 2),
        (np.arange(5)[::-1], 0, 4),
        (np.arange(4, dtype=">i4"), 0, 3),
        (np.array([[1, 2]], dtype=np.float16), 1, 2),
    ],
)
def test_every_numeric_dtype_has_statistics(values: Any, low: float, high: float) -> None:
    row = rows_of(values=values)["values"]
    assert row.problem == ""
    assert row.statistics is not None
    assert (row.statistics.low, row.statistics.high) == (low, high)


def test_tensors_without_statistics() -> None:
    rows = rows_of(empty=torch.empty(0, 3), meta=torch.empty(2, device="meta"), texts=np.array(["a"]))
    assert rows["empty"].statistics is None
    assert rows["meta"].statistics is None
    assert rows["texts"].problem == "dtype <U1 is not numeric"
    assert rows["empty"].problem == rows["meta"].problem == ""


def test_a_tensor_that_cannot_be_read_has_a_row_with_the_error() -> None:
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    row = rows_of(nested=nested)["nested"]
    assert (row.has_shape, row.shape, row.memory_group) == (False, (), 0)
    assert row.problem


def test_a_long_error_is_truncated_to_200_characters() -> None:
    array = np.zeros(2, dtype=[(f"field{number}", "i4") for number in range(30)])
    assert rows_of(array=array)["array"].problem == f"dtype {array.dtype} is not numeric"[:200]


def test_a_large_tensor_is_sampled_quickly() -> None:
    values = torch.linspace(0, 1, 100_000_000).reshape(100_000, 1000)
    namespace = {"values": values}
    list_tensors(namespace, lambda _name, _value: False, ListedTensors())
    times = []
    for _ in range(5):
        start = time.thread_time()
        (row,) = list_tensors(namespace, lambda _name, _value: False, ListedTensors()).rows
        times.append(time.thread_time() - start)
    assert min(times) < 0.05
    assert row.statistics is not None
    assert row.statistics.sample_size == 32_768
    assert row.statistics.mean == pytest.approx(0.5, abs=0.02)


def test_a_sample_includes_all_columns_even_if_their_number_is_a_power_of_two() -> None:
    values = torch.zeros(65_536, 1024)
    values[:, 1:] = 1.0
    statistics = rows_of(values=values)["values"].statistics
    assert statistics is not None
    assert statistics.mean == pytest.approx(1023 / 1024, abs=0.01)


def test_tensors_that_share_memory_are_grouped() -> None:
    array = np.arange(6.0)
    tensor = torch.ones(2, 3)
    rows = rows_of(
        array=array, over=torch.from_numpy(array), part=array[2:], tensor=tensor, view=tensor.T, copy=tensor.clone(),
        same=tensor, alone=torch.ones(3), empty=torch.empty(0),
    )  # fmt: skip
    groups = {name: row.memory_group for name, row in rows.items()}
    assert groups["array"] == groups["over"] == groups["part"] == 1
    assert groups["tensor"] == groups["view"] == groups["same"] == 2
    assert groups["copy"] == groups["alone"] == groups["empty"] == 0


def test_reading_changes_nothing() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    x = torch.randn(400_000, requires_grad=True)
    after_drawing = torch.get_rng_state()
    torch.set_rng_state(before)
    y = torch.randn(400_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        namespace = {"x": x, "y": y, "product": x * y}
        list_tensors(namespace, lambda _name, _value: False, ListedTensors())
        Inspector(namespace, lambda _n, _v: False).answer(ReadTensor(name="product", rows=2, columns=2))
    assert torch.equal(torch.get_rng_state(), after_drawing)
    assert x.grad is None
    assert x._version == 0


def test_no_code_of_the_user_runs() -> None:
    class Trap(Tensor):
        @classmethod
        def __torch_function__(cls, *_: Any, **__: Any) -> Any:
            raise AssertionError("called")

        @property
        def shape(self) -> Any:  # type: ignore[override]
            raise AssertionError("called")

        requires_grad = grad_fn = grad = is_leaf = detach = shape

    class FakeClass:
        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            raise AssertionError("called")

    class Net(nn.Module):
        def named_parameters(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("called")

    net = Net()
    net.weight = nn.Parameter(torch.ones(2))
    trap = (2 * torch.ones(3, requires_grad=True)).as_subclass(Trap)
    namespace = {"fake": FakeClass(), "trap": trap, "net": net, "good": torch.ones(1)}
    reply = Inspector(namespace, lambda _name, _value: False).answer(ListTensors())
    assert isinstance(reply, TensorList)
    by_name = {row.name: row for row in reply.rows}
    assert set(by_name) == {"trap", "good", "net.weight"}
    assert by_name["good"].statistics is not None
    assert by_name["trap"].shape == (3,)
    assert by_name["trap"].origin == "AliasBackward0"


def test_tensors_beyond_the_limit_are_counted() -> None:
    namespace = {f"t{number}": torch.ones(1) for number in range(1000)}
    tensors = list_tensors(namespace, lambda _name, _value: False, ListedTensors())
    assert (len(tensors.rows), tensors.omitted) == (300, 700)


def test_new_tensors_have_the_highest_number() -> None:
    namespace: dict[str, object] = {f"t{number}": torch.ones(1) for number in range(MAX_ROWS)}
    inspector = Inspector(namespace, lambda _name, _value: False)

    def listings() -> dict[str, int]:
        tensors = inspector.answer(ListTensors())
        assert isinstance(tensors, TensorList)
        return {row.name: row.first_listing for row in tensors.rows}

    assert set(listings().values()) == {1}
    namespace["added"] = torch.zeros(2)
    namespace["t7"] = torch.zeros(2)
    cast("Tensor", namespace["t8"]).add_(1)
    second = listings()
    assert {name for name, listing in second.items() if listing == 2} == {"added", "t7"}
    assert len(second) == MAX_ROWS  # an old tensor was left out
    namespace["also"] = namespace["t8"]
    third = listings()
    assert (third["also"], third["added"], third["t7"], third["t8"]) == (3, 2, 2, 1)


def test_a_window_of_a_tensor_that_now_has_fewer_axes() -> None:
    window = read(torch.arange(12.0).reshape(3, 4), start=(1, 2, 1)).window
    assert window is not None
    assert window.start == (0, 0), "moved to fit into the tensor"


def test_the_values_of_one_tensor() -> None:
    values = torch.arange(2 * 3 * 8 * 9.0).reshape(2, 3, 8, 9)
    tensor = read(values, start=(1, 2, 7, 0))
    assert tensor.window is not None
    assert tensor.window.start == (1, 2, 4, 0)
    block = torch.tensor(tensor.window.values).reshape(tensor.window.rows, tensor.window.columns)
    assert torch.equal(block, values[1, 2, 4:8, 0:4])
    assert (tensor.row.strides, tensor.storage_offset, tensor.layout, tensor.storage_nbytes) == (
        (216, 72, 9, 1),
        0,
        "contiguous",
        1728,
    )
    assert tensor.histogram is not None
    assert sum(tensor.histogram.counts) == values.numel()
    transposed = read(values[:, 1:].transpose(2, 3))
    assert (transposed.layout, transposed.storage_offset) == ("not contiguous", 72)
    assert read(values.to(memory_format=torch.channels_last)).layout == "channels last"
    vector = read(torch.arange(10), columns=20)
    assert vector.window is not None
    assert (vector.window.start, vector.window.rows, vector.window.columns) == ((0,), 1, 10)
    scalar = read(torch.tensor(math.nan))
    assert scalar.window is not None
    assert scalar.window.values == ("NaN",)
    assert read(np.ones((3, 4)).T).row.strides == (1, 4)


def test_a_tensor_that_no_longer_exists() -> None:
    with pytest.raises(UserError, match="no tensor is named x"):
        Inspector({}, lambda _n, _v: False).answer(ReadTensor(name="x", rows=1, columns=1))
