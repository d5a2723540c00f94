"""The inputs of a traced network have the dtypes and the integers that the network needs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.inputs import NetworkInputs, resolve_inputs
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.inputs import InputSpec, parse_inputs

META = torch.device("meta")
DEVICES: list[str] = []
"""Devices on which a network has run. Copies of the network share this list, because it is global."""


class Network(nn.Module):
    """A network whose forward pass is a function of the network and its inputs."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(modules)
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(self.layers, *inputs)


def resolve(network: nn.Module, *inputs: str) -> NetworkInputs:
    return resolve_inputs(network, parse_inputs(inputs))


def written(network: nn.Module, *inputs: str) -> list[str]:
    """Return the resolved inputs as they are written."""
    return [str(spec) for spec in resolve(network, *inputs).specs]


def integers(network: nn.Module, *inputs: str) -> tuple[int, int]:
    """Return the smallest and the largest integer in the last input of many samples."""
    tensor: Tensor = resolve(network, *inputs).make(500).args[-1]
    assert tensor.dtype == torch.int64
    return int(tensor.min()), int(tensor.max())


def embedding(size: int) -> nn.Module:
    return nn.Embedding(size, 3)


def _shifted(x: Tensor) -> Tensor:
    shifted = x.new_zeros(x.shape)
    shifted[:, 1:] = x[:, :-1]
    return shifted


INDEX_COMPUTATIONS: dict[str, tuple[Callable[..., Any], tuple[int, int]]] = {
    "the input": (lambda layers, x: layers[0](x), (0, 19)),
    "a slice": (lambda layers, x: layers[0](x[:, 2:]), (0, 19)),
    "a view": (lambda layers, x: layers[0](x.view(-1, 1).squeeze(1)), (0, 19)),
    "a conversion": (lambda layers, x: layers[0](x.long()), (0, 19)),
    "behind a mask": (lambda layers, x: layers[0](x) * (x != 0).unsqueeze(-1), (0, 19)),
    "plus one": (lambda layers, x: layers[0](x + 1), (0, 18)),
    "minus one": (lambda layers, x: layers[0](x - 1), (1, 20)),
    "a factor": (lambda layers, x: layers[0](2 * x + 3), (0, 8)),
    "reversed": (lambda layers, x: layers[0](19 - x), (0, 19)),
    "an offset for each column": (lambda layers, x: layers[0](x + torch.tensor([0, 10, 15, 16])), (0, 3)),
    "a remainder": (lambda layers, x: layers[0](x % 20), (0, 19)),
    "shifted to the right": (lambda layers, x: layers[0](F.pad(x, (1, 0))[:, :-1]), (0, 19)),
    "a new tensor of the same dtype": (lambda layers, x: layers[0](_shifted(x)), (0, 19)),
    "a tensor minus the input": (lambda layers, x: layers[0](torch.tensor([9]) - x), (0, 9)),
    "two tables": (lambda layers, x: layers[0](x) + layers[1](x), (0, 6)),
    "one column for each table": (lambda layers, x: layers[0](x[:, 0]) + layers[1](x[:, 1]), (0, 6)),
    "one_hot": (lambda _layers, x: F.one_hot(x, 12).float(), (0, 11)),
    "subscript": (lambda layers, x: layers[0].weight[x], (0, 19)),
    "subscript of the last axis": (lambda layers, x: layers[0].weight[..., None, x], (0, 2)),
    "index_select": (lambda layers, x: layers[0].weight.index_select(1, x.flatten()), (0, 2)),
    "gather": (lambda _layers, x: torch.zeros(len(x), 9).gather(1, x), (0, 8)),
    "scatter": (lambda _layers, x: torch.zeros(len(x), 9).scatter_(1, x, 1.0), (0, 8)),
    "take_along_dim": (lambda _layers, x: torch.zeros(len(x), 9).take_along_dim(x, dim=1), (0, 8)),
    "torch.embedding": (lambda layers, x: torch.embedding(layers[0].weight, x), (0, 19)),
    "a bag": (lambda layers, x: layers[2](x), (0, 10)),
}
"""Functions that use an input as an index, with the smallest and the largest valid integer."""


@pytest.mark.parametrize("name", INDEX_COMPUTATIONS)
def test_an_index_gets_valid_integers(name: str) -> None:
    function, expected = INDEX_COMPUTATIONS[name]
    network = Network(function, embedding(20), embedding(7), nn.EmbeddingBag(11, 3))
    assert integers(network, "4") == expected
    assert integers(network, "4:int64") == expected, "the range doesn't depend on how the dtype is found"
    network(*resolve(network, "4").make(50).args)


@pytest.mark.parametrize(
    "function",
    [
        lambda layers, x: layers[0](x),
        lambda layers, x: layers[0](x[:, 0, None] / 2 + x),
        lambda layers, x: layers[1](layers[0](x).argmax(1)),
        lambda layers, x: layers[1]((x * 20.0).long()),
        lambda layers, x: layers[0](x.gather(1, x.sort(1).indices)),
        lambda layers, x: layers[1](x.argsort(1)) + layers[0](x).mean(),
        lambda layers, x: layers[0](x) if x.shape[1] == 4 else layers[1](x),
        lambda layers, x: F.cross_entropy(layers[0](x), x[:, :4].softmax(1)),
    ],
)
def test_numbers_stay_numbers(function: Callable[..., Any]) -> None:
    assert written(Network(function, nn.Linear(4, 4), embedding(20)), "4") == ["4:float32"]


def test_each_input_has_its_own_dtype() -> None:
    def denoise(layers: Any, image: Tensor, time: Tensor, mask: Tensor) -> Any:
        return layers[0](image.masked_fill(mask, 0.0)) + layers[1](time)[:, :, None, None]

    network = Network(denoise, nn.Conv2d(1, 3, 3, padding=1), embedding(1000))
    inputs = [InputSpec(shape=(1, 5, 5)), InputSpec(shape=()), InputSpec(shape=(5, 5), batched=False)]
    assert [str(spec) for spec in resolve_inputs(network, inputs).specs] == ["1x5x5:float32", ":int64", "@5x5:bool"]
    image, time, mask = resolve(network, "1x5x5", ":int64", "@5x5").make(2).args
    assert (image.shape, time.shape, mask.shape) == ((2, 1, 5, 5), (2,), (5, 5))
    assert network(image, time, mask).shape == (2, 3, 5, 5)


def test_targets_are_classes_or_probabilities() -> None:
    def loss(layers: Any, x: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(layers[0](x), target)

    network = Network(loss, nn.Linear(4, 9))
    assert integers(network, "4", ":int64") == (0, 8)
    assert written(network, "4", "9") == ["4:float32", "9:float32"]


def test_lengths_are_those_of_full_sequences() -> None:
    def encode(layers: Any, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        hidden: Tensor = layers[0](packed)[1]
        return hidden

    network = Network(encode, nn.GRU(3, 5, batch_first=True))
    assert integers(network, "6x3", ":int64") == (6, 6)


def test_an_index_that_cannot_be_watched() -> None:
    """Integers are tried if the network fails on numbers."""

    def route(layers: Any, x: Tensor, expert: Tensor) -> Tensor:
        return torch.stack([layers[index](sample) for sample, index in zip(x, expert.tolist(), strict=True)])

    network = Network(route, nn.Linear(3, 2), nn.Linear(3, 2))
    resolved = resolve_inputs(network, [(3,), InputSpec(shape=())])
    assert [spec.dtype for spec in resolved.specs] == ["float32", "int64"]
    assert network(*resolved.make(8).args).shape == (8, 2)


def test_the_dtype_of_numbers_is_that_of_the_weights() -> None:
    assert written(nn.Linear(3, 2).double(), "3") == ["3:float64"]
    assert written(nn.Linear(3, 2).bfloat16(), "3") == ["3:bfloat16"]
    mixed = nn.Sequential(nn.Linear(3, 2).double(), nn.Linear(2, 2))
    assert written(mixed, "3") == ["3:float32"]


@pytest.mark.parametrize("dtype", ["float16", "complex64", "bool", "uint8", "int32", "float64"])
def test_a_given_dtype_is_kept(dtype: str) -> None:
    resolved = resolve(Network(lambda _layers, x: x), f"3:{dtype}")
    (values,) = resolved.make(400).args
    assert values.dtype == getattr(torch, dtype)
    assert len(set(values.flatten().tolist())) > 1
    assert dtype != "uint8" or values.max() > 200, "the values are those of an image"


def test_values_are_reproducible_and_uniform() -> None:
    resolved = resolve(nn.Linear(3, 2), "1000x3")
    (first,), (again,), (other,) = (resolved.make(2, seed=seed).args for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.min() >= 0, first.max() < 1) == (True, True)
    assert first.mean().item() == pytest.approx(0.5, abs=0.02)
    (normal,) = resolved.make(2, distribution="normal").args
    assert normal.std().item() == pytest.approx(1, abs=0.05)


def test_inputs_on_the_meta_device() -> None:
    with META:
        network = Network(lambda layers, x, t: layers[0](x) + layers[1](t), nn.Linear(4, 3), embedding(8))
    assert written(network, "4", ":int64") == ["4:float32", ":int64"]
    resolved = resolve(network, "4", "5")
    assert [tensor.device for tensor in resolved.make(2, META).args] == [META, META]
    assert [str(spec) for spec in resolved.specs] == ["4:float32", "5:int64"]


class TwoInputs(nn.Module):
    def forward(self, image: Tensor, time: Tensor, scale: float = 1.0) -> Tensor:
        return image.mean((1, 2)) * scale + time


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["2x2"], "TwoInputs.forward also needs `time`: add --input time=SHAPE$"),
        (["2x2", "2", "2", "2"], "TwoInputs.forward takes image, time, scale, but got 4 inputs.*at most 3"),
        (["2x2", "t=2"], "TwoInputs.forward takes image, time, scale; it has no argument t"),
        (["2x2", "3", "image=2"], "given twice"),
    ],
)
def test_inputs_that_forward_does_not_take(inputs: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(TwoInputs(), *inputs)


class KeywordInput(nn.Module):
    def forward(self, *, image: Tensor) -> Tensor:
        return image


class ListInput(nn.Module):
    def forward(self, images: list[Tensor]) -> Tensor:
        return images[0]


@pytest.mark.parametrize(
    ("network", "inputs", "message"),
    [
        (KeywordInput(), ["3"], "takes image, but got 1 input without a name; .*image=3x8x8"),
        (ListInput(), ["3", "3"], "takes images, but got 2 inputs without a name; if images is a list, use a function"),
    ],
)
def test_advice_on_inputs(network: nn.Module, inputs: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(network, *inputs)


def test_inputs_by_name() -> None:
    resolved = resolve(TwoInputs(), "time=", "image=2x2")
    assert {name: tuple(tensor.shape) for name, tensor in resolved.make(3).kwargs.items()} == {
        "time": (3,),
        "image": (3, 2, 2),
    }


@pytest.mark.parametrize(
    ("index", "expected"),
    [(lambda x: x, (0, 19)), (lambda x: x + 1, (0, 18)), (lambda x: 2 * x, (0, 9))],
)
def test_a_large_network_is_run_on_the_meta_device_first(index: Callable[..., Any], expected: tuple[int, int]) -> None:
    """Its values are computed only if the index isn't an input itself."""
    DEVICES.clear()

    def forward(layers: Any, x: Tensor) -> Any:
        DEVICES.append(x.device.type)
        return layers[0](index(x))

    network = Network(forward, embedding(20), nn.Linear(4000, 4000))
    assert integers(network, "4") == expected
    assert DEVICES[0] == "meta"
    assert ("cpu" in DEVICES) == (expected != (0, 19))


def test_a_network_that_never_ends_is_not_watched_forever() -> None:
    def forward(layers: Any, x: Tensor) -> Any:
        y = layers[0](x)
        while True:
            y = y.relu()

    assert integers(Network(forward, embedding(20)), "4") == (0, 19)


def test_rows_of_a_network_with_several_inputs_are_timed() -> None:
    network = Network(lambda layers, x, t: layers[0](x) + layers[1](t), nn.Linear(4, 3), embedding(8))
    table = trace(network, parse_inputs(["4", ":int64"]), measure=torch.device("cpu"))
    assert (table.error, table.timed_on, len(table.rows)) == (None, "cpu", 3)
    assert all(row.forward_seconds for row in table.rows)


def test_several_named_inputs_of_a_network_that_takes_a_dict() -> None:
    class TakesDict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(50, 16)

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            mask = batch["mask"].unsqueeze(-1)
            total: Tensor = (self.table(batch["ids"]) * mask).sum(1)
            return total / mask.sum(1)

    resolved = resolve(TakesDict(), "ids=7", "mask=7")
    assert [str(spec) for spec in resolved.specs] == ["ids=7:int64", "mask=7:float32"]
    (batch,) = resolved.make(500).args
    assert batch["ids"].max() == 49
    assert TakesDict()(batch).shape == (500, 16)
    with pytest.raises(UsageError, match=r"TakesDict\.forward takes batch; it has no argument ids"):
        resolve(TakesDict(), "ids=7")


def test_inputs_of_a_function() -> None:
    network = nn.GRU(3, 5)

    def packed(batch: int) -> PackedSequence:
        return pack_sequence([torch.rand(4, 3) for _ in range(batch)])

    resolved = resolve_inputs(network, packed)
    assert str(resolved.specs[0]) == "4x3:float32", "the shape of one sample, although time and batch are one axis"
    arguments = resolved.make(2)
    assert torch.equal(arguments.args[0].data, resolved.make(2).args[0].data), "the function's values are reproducible"
    assert not torch.equal(arguments.args[0].data, resolved.make(2, seed=1).args[0].data)
    assert network(*arguments.args)[1].shape == (1, 2, 5)
    assert resolved.make(2, META).args[0].data.is_meta


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (lambda batch: torch.ones(batch, 2), 1, []),
        (lambda batch: (torch.ones(batch, 2), torch.ones(3)), 2, []),
        (lambda batch: {"image": torch.ones(batch, 2), "time": torch.ones(batch)}, 0, ["image", "time"]),
        (lambda batch: ({"ids": torch.ones(batch, 2)},), 1, []),
    ],
)
def test_arguments_of_a_function(function: Callable[[int], Any], args: int, kwargs: list[str]) -> None:
    network = Network(lambda _layers, *inputs: inputs) if not kwargs else TwoInputs()
    arguments = resolve_inputs(network, function).make(4)
    assert (len(arguments.args), [*arguments.kwargs]) == (args, kwargs)


def test_shapes_of_a_functions_tensors() -> None:
    inputs = resolve_inputs(
        Network(lambda _layers, batch: batch),
        lambda batch: ({"ids": torch.ones(batch, 7, dtype=torch.int64), "mask": torch.ones(5, 5).bool(),
                        "words": torch.ones(batch * 6), "time first": torch.ones(9, batch, 4)},),
    )  # fmt: skip
    assert [str(spec) for spec in inputs.specs] == ["7:int64", "@5x5:bool", "6:float32", "9x4:float32"]


def test_a_function_that_returns_no_inputs_is_named() -> None:
    def create(_: int) -> None:
        return None

    with pytest.raises(UsageError, match="create returned None"):
        trace(nn.Linear(4, 3), create)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_the_first_samples_are_the_same_for_each_batch_size_and_inputs_differ(distribution: Any) -> None:
    specs = parse_inputs(("20", "20", "20:int64"))
    inputs = resolve_inputs(Network(lambda _, x, y, z: x + y + z), specs)
    tensors = {batch: inputs.make(batch, distribution=distribution).args for batch in (1, 2, 4)}
    for batch, some in tensors.items():
        assert all(torch.equal(one, other[:batch]) for one, other in zip(some, tensors[4], strict=True))
    first, second, _ = tensors[1]
    assert not torch.equal(first, second)
