"""Explanations of exceptions in the user's code: real errors of torch, raised by lines of source."""

import linecache
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.inspect.exceptions import explain_exception
from fashion_tui.lab.networks import GuideNet


class OwnNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3, 4))
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def explain(code: str) -> str | None:
    """Run code that fails, as the kernel runs a cell, and explain the exception."""
    linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
    weight = torch.ones(3, requires_grad=True)
    names = {"torch": torch, "nn": nn, "F": F, "net": GuideNet(), "own": OwnNet(), "w": weight}
    names |= {"x": torch.rand(2, 3), "y": torch.rand(2, 4), "labels": torch.tensor([0, 7])}
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- each case raises its own type
        exec(compile(code, "<cell>", "exec"), names)  # noqa: S102
    return explain_exception(caught.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("net(torch.rand(2, 3, 28, 28))", r"conv1 .*1 channel, got 3"),
        ("net(torch.rand(28, 28))", r"conv1 .*\[channels, height, width\], got \[28, 28\]"),
        ("net(torch.rand(2, 1, 14, 14))", r"fc1 .*980 features, got 180.*\[2, 180\]"),
        ("own.layers(x)", r"1 .*6 features, got 3"),
        ("nn.Linear(3, 2)(y)", r"Linear .*3 features, got 4.*\[2, 4\]"),
        ("nn.BatchNorm2d(3)(torch.rand(2, 5, 4, 4))", r"BatchNorm2d .*3 channels, got 5"),
        ("net(torch.rand(1, 28, 28))", r"\[1, 28, 28\] has no batch axis.*x\[None\]"),
        ("net(torch.rand(1, 32, 32))", r"\[1, 32, 32\] has no batch axis"),
        ("net.conv1(torch.rand(3, 28, 28))", r"1 channel, got 3"),
        (
            "nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))(torch.rand(1, 28, 28))",
            r"\[1, 28, 28\] has no batch axis",
        ),
        (
            "nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4))(torch.rand(1, 28, 28))",
            r"\[1, 28, 28\] has no batch axis",
        ),
        (
            "nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(5))(torch.rand(1, 1, 9, 9))",
            r"5 channels, got 4: .*\[4, 7, 7\]",
        ),
        (
            "nn.Sequential(nn.Unflatten(0, (1, 1)), net.conv1, nn.Flatten(), nn.Linear(5, 2))(torch.rand(1, 3, 3))",
            r"5 features, got 108",
        ),
        ("nn.BatchNorm2d(4)(torch.rand(4, 26, 26))", r"\[batch, .*got \[4, 26, 26\]: the batch axis is missing"),
        ("nn.BatchNorm1d(4)(torch.rand(4))", r"got \[4\]: the batch axis is missing"),
        ("nn.BatchNorm3d(4)(torch.rand(4, 3, 3, 3))", r"got \[4, 3, 3, 3\]: the batch axis is missing"),
        ("nn.BatchNorm2d(4)(torch.rand(2, 4))", r"got \[2, 4\]$"),
        ("nn.BatchNorm1d(3)(y)", r"3 channels, got 4"),
        ("nn.LayerNorm(5)(x)", r"LayerNorm .*\[5\], got \[2, 3\]"),
        ("nn.Embedding(3, 2)(x)", r"integer indices below 3"),
        ("nn.Embedding(3, 2)(labels)", r"index.*not less than the number of rows"),
        ("own(y)", r"@ .*\[2, 4\] and \[3, 4\].*4 columns.*3 rows"),
        ("def f(a, b):\n    return [\n        1,\n        a @ b,\n    ]\nf(x, y)", r"3 columns.*2 rows"),
        ("x.mm(y)", r"mm .*3 columns.*2 rows"),
        ("torch.matmul(x, y)", r"matmul .*3 columns.*2 rows"),
        ("x + y", r"\+ .*\[2, 3\] and \[2, 4\]"),
        ("torch.cat([x, y])", r"cat .*\[2, 3\] and \[2, 4\]"),
        ("torch.stack((x, y))", r"stack .*equal"),
        ("torch.cat([x, torch.rand(4, 3)], dim=2)", None),
        ("x @ labels", None),
        ("x.sum().backward()", r"requires gradients"),
        ("(w * 2).backward()", r"sum\(\) or mean\(\)"),
        ("loss = (w * w).sum()\nloss.backward()\nloss.backward()", r"retain_graph"),
        ("w += 1", r"no_grad"),
        ("e = w.exp()\ne.add_(1)\ne.sum().backward()", r"changed in place"),
        ("w.numpy()", r"detach\(\)"),
        ("torch.tensor([1], requires_grad=True)", r"floating-point"),
        ("x.t().view(6)", r"reshape\(\)"),
        ("x.view(4)", r"6 values .*\[4\]"),
        ("bool(x)", r"any\(\) or all\(\)"),
        ("float(x)", r"one value"),
        ("nn.Linear(3, 2)(torch.ones(1, 3, dtype=torch.int64))", r"dtype.*Long and Float"),
        ("x[5]", r"no index 5: axis 0 has 2 elements"),
        ("F.cross_entropy(x, labels)", r"label 7"),
        ("F.cross_entropy(x, labels.float())", r"integers, got Float.*labels\.long\(\)"),
        ("nn.CrossEntropyLoss()(x, labels.int())", r"64-bit integers, got Int.*labels\.long\(\)"),
        ("1 / 0", None),
        ("raise ValueError('sizes')", None),
    ],
)
def test_explanation(code: str, expected: str | None) -> None:
    explanation = explain(code)
    if expected is None:
        assert explanation is None or "columns" not in explanation
    else:
        assert explanation is not None
        assert re.search(expected, explanation)


def test_the_users_code_is_not_run_again() -> None:
    code = """\
class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0
    def __getattr__(self, name):
        raise AttributeError(name)
    @property
    def matrix(self):
        self.count += 1
        return y
counted = Counted()
try:
    x @ counted.matrix
finally:
    w.count = counted.count
"""
    weight = torch.ones(1)
    linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
    with pytest.raises(RuntimeError) as caught:
        exec(  # noqa: S102
            compile(code, "<cell>", "exec"), {"nn": nn, "x": torch.rand(2, 3), "y": torch.rand(2, 4), "w": weight}
        )
    assert explain_exception(caught.value) is None
    assert weight.count == 1  # type: ignore[attr-defined]
