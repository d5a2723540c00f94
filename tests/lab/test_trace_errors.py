"""A network that fails gives its steps up to the failure, and says in words what was expected and what came."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fashion_tui.lab.trace import trace

from .networks import Guide, Residual, Written

IMAGE = (1, 28, 28)


def test_the_steps_up_to_the_failure_and_the_failing_one() -> None:
    model = Written(
        lambda self, x: self.fc1(torch.flatten(F.max_pool2d(self.conv(x), 4), 1)),
        conv=nn.Conv2d(1, 10, 5, padding=2),
        fc1=nn.Linear(980, 10),
    )
    table = trace(model, IMAGE)
    assert table.error == (
        "fc1 expects 980 features, got 490: the flatten before it gave [490]; "
        "did the pooling or a channel count change?"
    )
    assert [row.name for row in table.rows] == ["conv", "max_pool2d", "flatten", "fc1"]
    assert [row.failed for row in table.rows] == [False, False, False, True]
    assert table.rows[3].inputs == ((490,),)
    assert table.rows[3].outputs == ()
    assert table.rows[3].params == 9810
    assert table.outputs == ()
    assert table.total_params == sum(parameter.numel() for parameter in model.parameters())
    assert table.total_macs == 196_000, "of the steps that ran"
    assert table.error_file == __file__
    assert table.error_line == model.run.__code__.co_firstlineno


def test_a_view_of_other_than_a_whole_sample() -> None:
    table = trace(Guide(pooling=4), IMAGE)
    assert table.error == (
        "view expects 980 values in each sample, got 180: the max_pool2d before it gave [20, 3, 3]; "
        "did the pooling or a channel count change?"
    )
    assert table.rows[-1].settings == "-1, 980"


def test_a_view_that_fits_two_samples_but_not_three() -> None:
    model = Written(lambda self, x: self.fc(x.view(-1, 980)), fc=nn.Linear(980, 10))
    table = trace(model, (490,))
    assert table.error is not None
    assert table.error.startswith("view expects 980 values in each sample, got 490: the input is [490]")


def test_all_modules_around_the_failure_are_marked() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.Sequential(nn.Linear(5, 6)))
    table = trace(model, (4,))
    assert [(row.path, row.failed) for row in table.rows] == [
        ("0", False),
        ("0.0", False),
        ("0.1", False),
        ("1", True),
        ("1.0", True),
    ]
    assert table.error == "1.0 (Linear) expects 5 features, got 6: the 0 (Sequential) before it gave [6]"
    assert table.error_line is None, "no code of the person's own"


CASES: list[tuple[nn.Module, tuple[int, ...], str]] = [
    (
        Written(lambda self, x: self.fc(self.conv(x)), conv=nn.Conv2d(1, 2, 1), fc=nn.Linear(1568, 10)),
        IMAGE,
        "fc expects 1568 features, got 28: the conv before it gave [2, 28, 28], which is 1568 values: flatten it first",
    ),
    (
        Written(lambda self, x: self.b(F.relu(self.a(x))), a=nn.Linear(4, 6), b=nn.Linear(5, 2)),
        (4,),
        "b expects 5 features, got 6: the a before it gave [6]",
    ),
    (
        Written(lambda self, x: self.c2(F.relu(self.c1(x))), c1=nn.Conv2d(1, 12, 3), c2=nn.Conv2d(10, 20, 3)),
        IMAGE,
        "c2 expects 10 channels, got 12: the c1 before it gave [12, 26, 26]",
    ),
    (
        Written(lambda self, x: self.c(x), c=nn.Conv2d(3, 8, 3)),
        IMAGE,
        "c expects 3 channels, got 1: the input is [1, 28, 28]",
    ),
    (
        Written(lambda self, x: self.c(x), c=nn.Conv2d(3, 8, 3)),
        (28,),
        "c expects [channels, height, width], got [28]: the input is [28]",
    ),
    (
        Written(lambda self, x: self.c(F.avg_pool2d(x, 7)), c=nn.Conv2d(1, 8, 5)),
        IMAGE,
        "c has a kernel of 5×5, larger than what it gets, padding included: the avg_pool2d before it gave [1, 4, 4]",
    ),
    (nn.Sequential(nn.BatchNorm2d(3)), IMAGE, "0 (BatchNorm2d) expects 3 channels, got 1: the input is [1, 28, 28]"),
    (nn.Sequential(nn.GroupNorm(2, 4)), (6, 5, 5), "0 (GroupNorm) expects 4 channels, got 6: the input is [6, 5, 5]"),
    (
        nn.Sequential(nn.LayerNorm(7)),
        (6, 5),
        "0 (LayerNorm) expects a shape that ends in [7], got [6, 5]: the input is [6, 5]",
    ),
    (nn.Sequential(nn.LSTM(7, 3)), (6, 5), "0 (LSTM) expects 7 features, got 5: the input is [6, 5]"),
    (
        Written(lambda self, x: self.attend(x, x, x), attend=nn.MultiheadAttention(8, 2)),
        (6, 5),
        "attend expects 8 features, got 5: the input is [6, 5]",
    ),
    (
        nn.Sequential(nn.Linear(5, 5), nn.Embedding(10, 3)),
        (5,),
        "1 (Embedding) expects whole numbers below 10, the places in its table, got fractions",
    ),
    (
        nn.Sequential(nn.MaxPool2d(8), nn.MaxPool2d(4)),
        IMAGE,
        "1 (MaxPool2d) of 4×4 s4 leaves nothing of what it gets: the 0 (MaxPool2d) before it gave [1, 3, 3]",
    ),
    (
        Written(lambda self, x: F.linear(x, self.weight), weight=nn.Parameter(torch.zeros(3, 4))),
        (5,),
        "linear expects 4 features, got 5: the input is [5]",
    ),
    (
        Written(lambda self, x: x @ self.weight, weight=nn.Parameter(torch.zeros(3, 4))),
        (5,),
        "@ can't multiply [5] and [3, 4]: 5 columns meet 3 rows",
    ),
    (
        Written(lambda self, x: x + self.conv(x), conv=nn.Conv2d(1, 1, 3)),
        IMAGE,
        "+ can't combine [1, 28, 28] and [1, 26, 26]: sizes have to be equal, or 1 (made by conv)",
    ),
    (
        Written(lambda self, x: torch.cat([x, self.conv(x)], 1), conv=nn.Conv2d(1, 1, 3)),
        IMAGE,
        "cat can't join [1, 28, 28] and [1, 26, 26]: all axes but the joined one have to be equal (made by conv)",
    ),
    (
        Written(lambda _, x: x.view(32, -1, 14 * 28)),
        IMAGE,
        "view: shape '[32, -1, 392]' is invalid for input of size 1568",
    ),
    (
        Written(lambda _, x: x.view(32, 784)),
        IMAGE,
        "view expects batches of 32 whatever comes; write -1 for the batch axis",
    ),
    (Written(lambda self, x: self.conv3(x)), (5,), "AttributeError: 'Written' object has no attribute 'conv3'"),
    (Written(lambda _, x, y: x + y), (5,), "TypeError: <lambda>() missing 1 required positional argument: 'y'"),
]


@pytest.mark.parametrize(("model", "size", "words"), CASES, ids=[words[:24] for _, _, words in CASES])
def test_the_error_in_words(model: nn.Module, size: tuple[int, ...], words: str) -> None:
    assert trace(model, size).error == words


def test_an_error_of_a_persons_own_code() -> None:
    def forward(_: Any, __: torch.Tensor) -> torch.Tensor:
        raise ValueError("not yet\nat all")

    table = trace(nn.Sequential(Residual(1), Written(forward)), IMAGE)
    assert table.error == "1 (Written): ValueError: not yet"
    assert Path(table.error_file or "").name == Path(__file__).name
    assert table.error_line == forward.__code__.co_firstlineno + 1


def test_an_error_that_the_network_catches_is_none() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.wrong(x)  # type: ignore[no-any-return]
        except RuntimeError:
            return self.right(x)  # type: ignore[no-any-return]

    table = trace(Written(forward, wrong=nn.Linear(3, 2), right=nn.Linear(5, 2)), (5,))
    assert table.error is None
    assert not any(row.failed for row in table.rows)
    assert table.outputs == ((2,),)


def test_what_cannot_be_copied() -> None:
    from threading import Lock  # noqa: PLC0415

    from fashion_tui.schema.errors import UserError  # noqa: PLC0415

    with pytest.raises(UserError, match="can't be copied to be traced"):
        trace(Written(lambda _, x: x, lock=Lock()), (3,))
