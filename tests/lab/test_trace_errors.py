"""A network that fails has rows up to the failing call, and an explanation of the error."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fashion_tui.lab.trace import trace

from .networks import FunctionNet, Guide, Residual

IMAGE = (1, 28, 28)


def test_the_rows_up_to_the_failing_one() -> None:
    model = FunctionNet(
        lambda self, x: self.fc1(torch.flatten(F.max_pool2d(self.conv(x), 4), 1)),
        conv=nn.Conv2d(1, 10, 5, padding=2),
        fc1=nn.Linear(980, 10),
    )
    table = trace(model, IMAGE)
    assert table.error is not None
    for words in ("fc1 expects 980 features, got 490", "flatten outputs [N, 490]", "pooling"):
        assert words in table.error
    assert [row.name for row in table.rows] == ["conv", "max_pool2d", "flatten", "fc1"]
    assert [row.failed for row in table.rows] == [False, False, False, True]
    assert table.rows[3].inputs == ((490,),)
    assert table.rows[3].outputs == ()
    assert table.rows[3].params == 9810
    assert table.outputs == ()
    assert table.total_params == sum(parameter.numel() for parameter in model.parameters())
    assert table.total_macs == 196_000, "those of the calls that ran"
    assert table.error_file == __file__
    assert table.error_line == model.run.__code__.co_firstlineno


def test_a_view_with_another_size_than_a_sample() -> None:
    table = trace(Guide(pooling=4), IMAGE)
    assert table.error is not None
    for words in ("view expects 980 values", "got 180", "max_pool2d outputs [N, 20, 3, 3]", "pooling"):
        assert words in table.error
    assert table.rows[-1].settings == "-1, 980"


def test_a_view_that_fits_two_samples_but_not_three() -> None:
    model = FunctionNet(lambda self, x: self.fc(x.view(-1, 980)), fc=nn.Linear(980, 10))
    table = trace(model, (490,))
    assert (table.error, table.batch) == (None, 2)
    remark = table.remarks[0]
    assert remark.row == 0
    for words in ("980 values", "490"):
        assert words in remark.text


def test_all_modules_around_the_failing_one_are_marked() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.Sequential(nn.Linear(5, 6)))
    table = trace(model, (4,))
    assert [(row.path, row.failed) for row in table.rows] == [
        ("0", False),
        ("0.0", False),
        ("0.1", False),
        ("1", True),
        ("1.0", True),
    ]
    assert "1.0 (Linear) expects 5 features, got 6: 0 (Sequential) outputs [N, 6]" in (table.error or "")
    assert table.error_line is None, "no line outside torch's own code to report"


def test_the_macs_of_a_failing_block_are_those_of_the_calls_that_ran() -> None:
    block = nn.Sequential(nn.Linear(4, 6), nn.Linear(5, 6))
    table = trace(nn.Sequential(nn.Linear(3, 4), nn.Sequential(block)), (3,))
    macs = {row.path: row.macs for row in table.rows}
    assert macs == {"0": 3 * 4, "1": 4 * 6, "1.0": 4 * 6, "1.0.0": 4 * 6, "1.0.1": 0}
    assert table.total_macs == 3 * 4 + 4 * 6, "inner calls must not be counted again"


def test_the_macs_of_a_block_that_fails_for_one_batch_size_only() -> None:
    """With three samples, the view succeeds and the MACs of `b` are added. With any other number, the view fails."""
    block = FunctionNet(lambda self, x: self.b(self.a(x).view(1, 18)), a=nn.Linear(5, 6), b=nn.Linear(18, 7))
    table = trace(nn.Sequential(block), (5,))
    assert "view" in (table.error or "")
    assert [row.macs for row in table.rows] == [5 * 6, 5 * 6, 0]
    assert table.total_macs == 5 * 6


CASES: list[tuple[nn.Module, tuple[int, ...], tuple[str, ...]]] = [
    (
        FunctionNet(lambda self, x: self.fc(self.conv(x)), conv=nn.Conv2d(1, 2, 1), fc=nn.Linear(1568, 10)),
        IMAGE,
        ("fc expects 1568 features, got 28", "conv outputs [N, 2, 28, 28]", "1568 values", "flatten"),
    ),
    (
        FunctionNet(lambda self, x: self.b(F.relu(self.a(x))), a=nn.Linear(4, 6), b=nn.Linear(5, 2)),
        (4,),
        ("b expects 5 features, got 6", "a outputs [N, 6]"),
    ),
    (
        FunctionNet(lambda self, x: self.c2(F.relu(self.c1(x))), c1=nn.Conv2d(1, 12, 3), c2=nn.Conv2d(10, 20, 3)),
        IMAGE,
        ("c2 expects 10 channels, got 12", "c1 outputs [N, 12, 26, 26]"),
    ),
    (
        FunctionNet(lambda self, x: self.c(x), c=nn.Conv2d(3, 8, 3)),
        IMAGE,
        ("c expects 3 channels, got 1", "network's input is [N, 1, 28, 28]"),
    ),
    (
        FunctionNet(lambda self, x: self.c(x), c=nn.Conv2d(3, 8, 3)),
        (28,),
        ("c expects [N, channels, height, width], got [N, 28]", "network's input is [N, 28]"),
    ),
    (
        FunctionNet(lambda self, x: self.c(F.avg_pool2d(x, 7)), c=nn.Conv2d(1, 8, 5)),
        IMAGE,
        ("c has a 5×5 kernel", "larger", "avg_pool2d outputs [N, 1, 4, 4]"),
    ),
    (
        nn.Sequential(nn.Conv2d(1, 8, (3, 5), padding=1)),
        (1, 3, 2),
        ("0 (Conv2d) has a 3×5 kernel, which is larger than the padded input", "input is [N, 1, 3, 2]"),
    ),
    (
        nn.Sequential(nn.Conv1d(1, 8, 5, dilation=2, padding="valid")),
        (1, 8),
        ("0 (Conv1d) has a kernel of 5 values that spans 9, which is larger", "input is [N, 1, 8]"),
    ),
    (
        nn.Sequential(nn.Conv2d(1, 8, 5, padding=2, padding_mode="reflect")),
        (1, 2, 2),
        ("0 (Conv2d) has a padding of 2", "reflect padding of 2 values allows at most 1", "input is [N, 1, 2, 2]"),
    ),
    (nn.Sequential(nn.BatchNorm2d(3)), IMAGE, ("0 (BatchNorm2d) expects 3 channels, got 1", "[N, 1, 28, 28]")),
    (nn.Sequential(nn.GroupNorm(2, 4)), (6, 5, 5), ("0 (GroupNorm) expects 4 channels, got 6", "[N, 6, 5, 5]")),
    (nn.Sequential(nn.LayerNorm(7)), (6, 5), ("0 (LayerNorm) expects a shape that ends in [7], got [N, 6, 5]",)),
    (nn.Sequential(nn.LSTM(7, 3)), (6, 5), ("0 (LSTM) expects 7 features, got 5", "input is [N, 6, 5]")),
    (
        FunctionNet(lambda self, x: self.attend(x, x, x), attend=nn.MultiheadAttention(8, 2)),
        (6, 5),
        ("attend expects 8 features, got 5", "input is [N, 6, 5]"),
    ),
    (
        nn.Sequential(nn.Linear(5, 5), nn.Embedding(10, 3)),
        (5,),
        ("1 (Embedding) expects integer indices below 10", "floating-point"),
    ),
    (
        nn.Sequential(nn.MaxPool2d(8), nn.MaxPool2d(4)),
        IMAGE,
        ("1 (MaxPool2d) has a 4×4 window", "fit", "0 (MaxPool2d) outputs [N, 1, 3, 3]"),
    ),
    (FunctionNet(lambda _, x: F.max_pool1d(x, 30)), (3, 20), ("max_pool1d has a window of 30 values", "[N, 3, 20]")),
    (
        nn.Sequential(nn.MaxPool2d(3, padding=1, dilation=3)),
        (2, 4, 3),
        ("0 (MaxPool2d) has a 3×3 window that spans 7×7", "padded input of 6×5 values", "[N, 2, 4, 3]"),
    ),
    (
        FunctionNet(lambda _, x: F.max_pool2d(x, 3, padding=2)),
        (1, 2, 2),
        ("max_pool2d has a padding of 2", "window of 3 values allows at most 1"),
    ),
    (
        FunctionNet(lambda self, x: F.linear(x, self.weight), weight=nn.Parameter(torch.zeros(3, 4))),
        (5,),
        ("linear expects 4 features, got 5", "input is [N, 5]"),
    ),
    (
        FunctionNet(lambda self, x: x @ self.weight, weight=nn.Parameter(torch.zeros(3, 4))),
        (5,),
        ("@ can't multiply [N, 5] and [3, 4]", "5 columns", "3 rows"),
    ),
    (
        FunctionNet(lambda self, x: x + self.conv(x), conv=nn.Conv2d(1, 1, 3)),
        IMAGE,
        ("+ can't broadcast [N, 1, 28, 28] and [N, 1, 26, 26]", "from conv"),
    ),
    (
        FunctionNet(lambda self, x: torch.cat([x, self.conv(x)], 1), conv=nn.Conv2d(1, 1, 3)),
        IMAGE,
        ("cat can't join [N, 1, 28, 28] and [N, 1, 26, 26]", "all axes except the joined axis", "from conv"),
    ),
    (
        FunctionNet(lambda self, x: torch.stack([x, self.conv(x)], 1), conv=nn.Conv2d(1, 1, 3)),
        IMAGE,
        ("stack can't join [N, 1, 28, 28] and [N, 1, 26, 26]", "all shapes", "from conv"),
    ),
    (
        FunctionNet(lambda _, x: x.view(32, -1, 14 * 28)),
        IMAGE,
        ("view fixes the batch size at 32", "x.size(0)"),
    ),
    (FunctionNet(lambda _, x: x.view(32, 784)), IMAGE, ("view", "batch size at 32", "-1")),
    (
        FunctionNet(lambda self, x: self.fc([x]), fc=nn.Linear(5, 2)),
        (5,),
        ("fc expects a tensor, got a list of 1 value",),
    ),
    (
        FunctionNet(lambda _, x: next(row for row in (1, 2) if row > len(x) + 9)),
        (5,),
        ("StopIteration: next(", "no more values"),
    ),
    (FunctionNet(lambda self, x: self.conv3(x)), (5,), ("AttributeError", "'FunctionNet'", "'conv3'")),
    (FunctionNet(lambda _, x, y: x + y), (5,), ("TypeError: <lambda>() missing 1 required positional argument: 'y'",)),
]


@pytest.mark.parametrize(("model", "size", "words"), CASES, ids=[words[0][:24] for _, _, words in CASES])
def test_the_explanation(model: nn.Module, size: tuple[int, ...], words: tuple[str, ...]) -> None:
    error = trace(model, size).error
    assert error is not None
    assert "\n" not in error
    for part in words:
        assert part in error


def test_an_error_that_the_network_itself_raises() -> None:
    def forward(_: Any, __: torch.Tensor) -> torch.Tensor:
        raise ValueError("not yet\nat all")

    table = trace(nn.Sequential(Residual(1), FunctionNet(forward)), IMAGE)
    assert table.error == "1 (FunctionNet): ValueError: not yet"
    assert Path(table.error_file or "").name == Path(__file__).name
    assert table.error_line == forward.__code__.co_firstlineno + 1


def test_an_error_inside_torch_is_not_explained_by_an_earlier_row() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.part(x - x.mean())  # type: ignore[no-any-return]

    def fail(_: Any, __: torch.Tensor) -> torch.Tensor:
        raise torch._dynamo.exc.TorchDynamoException("can't compile this")

    error = trace(FunctionNet(forward, part=FunctionNet(fail)), (3,)).error
    assert error == "part: TorchDynamoException: can't compile this"


def test_an_error_that_the_network_catches_is_not_reported() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.wrong(x)  # type: ignore[no-any-return]
        except RuntimeError:
            return self.right(x)  # type: ignore[no-any-return]

    table = trace(FunctionNet(forward, wrong=nn.Linear(3, 2), right=nn.Linear(5, 2)), (5,))
    assert table.error is None
    assert not any(row.failed for row in table.rows)
    assert table.outputs == ((2,),)
