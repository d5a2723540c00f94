"""Networks with inputs of every kind have the right shapes, parameters and MACs, which are counted by hand here."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.schema.inputs import parse_inputs
from fashion_tui.schema.shapes import Shape


class ImageAndVector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.vector = nn.Linear(64, 10), nn.Linear(3, 10)

    def forward(self, image: Tensor, vector: Tensor) -> Any:
        return self.image(image.flatten(1)) + self.vector(vector)


class Denoiser(nn.Module):
    """The time step is one integer per sample."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Embedding(1000, 4)
        self.conv = nn.Conv2d(5, 1, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Any:
        time = self.time(t)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.conv(torch.cat([x, time], 1))


class Words(nn.Module):
    """The words are sliced, and shifted by one, before the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, words: Tensor) -> Any:
        return self.head(self.words(words[:, :5] + 1).mean(1))


class OneHot(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(20, 6)

    def forward(self, ids: Tensor) -> Any:
        return self.fc(F.one_hot(ids, 20).float())


class Tokens(nn.Module):
    """The axes of the samples and the tokens become one axis at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 20)

    def forward(self, words: Tensor) -> Any:
        return self.head(self.words(words)).view(-1, 20)


class EarlyExit(nn.Module):
    """Takes one sample at a time, because the condition reads a single value."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Any:
        x = self.first(x)
        return x if x.abs().amax(1) >= 0 else self.second(x)


class Categories(nn.Module):
    """Each column of the integers has its own table, so the columns allow different integers."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, 4) for size in (7, 50, 3))
        self.top = nn.Linear(12 + 5, 1)

    def forward(self, numbers: Tensor, categories: Tensor) -> Any:
        columns = [table(categories[:, index]) for index, table in enumerate(self.tables)]
        return self.top(torch.cat([numbers, *columns], 1))


class Graph(nn.Module):
    """The edges are pairs of nodes. Nothing has a batch axis."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, nodes: Tensor, edges: Tensor) -> Any:
        hidden = self.fc(nodes)
        return torch.zeros_like(hidden).index_add_(0, edges[1], hidden[edges[0]])


class Unbatched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Any:
        assert x.dim() == 1, "takes a single vector"
        return self.fc(x)


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Any:
        return (x @ self.weight).abs()


class Bytes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Any:
        assert x.dtype == torch.uint8
        return self.conv(x.float() / 255)


@dataclass
class Case:
    network: type[nn.Module]
    inputs: list[str]
    outputs: list[Shape]
    params: int
    macs: int
    resolved: list[str] = field(default_factory=list)
    remarks: int = 0


CASES = [
    Case(ImageAndVector, ["1x8x8", "3"], [(10,)], 650 + 40, 640 + 30),
    Case(ImageAndVector, ["vector=3", "image=1x8x8"], [(10,)], 690, 670),
    Case(Denoiser, ["1x8x8", "t="], [(1, 8, 8)], 4000 + 46, 5 * 9 * 64, ["1x8x8:float32", "t=:int64"]),
    Case(Words, ["8"], [(3,)], 120 + 21, 18, ["8:int64"]),
    Case(OneHot, ["7"], [(7, 6)], 126, 7 * 20 * 6, ["7:int64"]),
    Case(Tokens, ["12"], [(12, 20)], 160 + 180, 12 * 8 * 20, ["12:int64"]),
    Case(EarlyExit, ["6"], [(6,)], 84, 36, remarks=1),
    Case(Categories, ["5", "3"], [(1,)], 4 * (7 + 50 + 3) + 18, 17, ["5:float32", "3:int64"]),
    Case(Graph, ["@5x3", "@2x8"], [(5, 4)], 16, 5 * 3 * 4, ["@5x3:float32", "@2x8:int64"]),
    Case(Unbatched, ["@6"], [(3,)], 21, 18, ["@6:float32"]),
    Case(Complex, ["4:complex64"], [(3,)], 12, 12, ["4:complex64"]),
    Case(Bytes, ["3x8x8:uint8"], [(4, 6, 6)], 112, 4 * 36 * 27, ["3x8x8:uint8"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.network.__name__} {' '.join(case.inputs)}")
def test_an_input_of_each_kind(case: Case) -> None:
    table = trace(case.network(), parse_inputs(case.inputs))
    assert table.error is None
    assert table.ran == "real"
    assert [*table.outputs] == case.outputs
    assert (table.total_params, table.total_macs, table.unused) == (case.params, case.macs, ())
    assert not case.resolved or [str(spec) for spec in table.inputs] == case.resolved
    assert len(table.remarks) == case.remarks
