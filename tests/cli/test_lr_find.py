"""`fashion-tui lr-find`: its result, its options, and bad input."""

from pathlib import Path

import pytest
import torch

from fashion_tui.lab.devices import has_bf16

from .conftest import Call, assert_error

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=784, frozen=False):
        super().__init__()
        self.body = nn.Linear(width, 10)
        self.frozen = frozen

    def forward(self, x):
        x = self.body(x.flatten(1)[:, : self.body.in_features])
        return x * 0 if self.frozen else x
"""

SHORT = ("--dataset", "synthetic", "--steps", "20", "--device", "cpu")


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NET)
    return f"{tmp_path / 'net.py'}:Net"


@pytest.mark.covers("lr-find --json", "lr-find --steps", "lr-find --model", "lr-find --dataset", "lr-find --runs")
def test_json_has_the_suggestion_and_a_loss_for_each_learning_rate(
    call_in_process: Call, net: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    result = call_in_process("lr-find", "--model", net, *SHORT, "--runs", runs, "--json")
    assert result.status == 0, result.err
    found = result.json
    assert list(found) == ["suggestion", "learning_rates", "losses"]
    assert 1e-4 < found["suggestion"] < 0.1
    assert found["learning_rates"][0] == pytest.approx(1e-7)
    assert found["learning_rates"][1] == pytest.approx(1e-7 * 10 ** (8 / 19))
    assert len(found["losses"]) == len(found["learning_rates"]) <= 20
    assert "synthetic" in result.err
    assert not runs.exists(), "no run is created"


def test_the_plot_marks_the_suggestion(call_in_process: Call, net: str) -> None:
    result = call_in_process("lr-find", "--model", net, *SHORT)
    assert result.status == 0, result.err
    *plot, last = result.out.splitlines()
    suggestion = last.rpartition(" ")[2]
    assert float(suggestion) > 0
    assert f"suggestion {suggestion}" in plot[0]
    assert sum("◆" in line for line in plot) == 1
    assert {"1e-7", "10"} <= set(plot[-1].split())
    assert len(plot) == 18


@pytest.mark.covers("lr-find --recipe", "lr-find --args", "lr-find --seed", "lr-find --data")
@pytest.mark.covers("lr-find --batch-size", "lr-find --precision", "lr-find --label-smoothing", "lr-find --optimizer")
@pytest.mark.covers("lr-find --momentum", "lr-find --nesterov", "lr-find --weight-decay", "lr-find --max-gradient-norm")
@pytest.mark.covers("lr-find --flip", "lr-find --crop", "lr-find --erase", "lr-find --mean", "lr-find --std")
def test_options_change_the_losses(call_in_process: Call, net: str, real_data: Path) -> None:
    def losses(*options: object) -> tuple[float, ...]:
        result = call_in_process("lr-find", "--model", net, *SHORT, "--json", *options)
        assert result.status in {0, 1}, result.err
        return tuple(result.json["losses"])

    plain = losses()
    assert losses() == plain
    sgd, momentum = ("--optimizer", "sgd"), ("--momentum", "0.9")
    changes = [
        ("--recipe", "quick"),
        ("--args", '{"width": 700}'),
        ("--seed", "1"),
        ("--data", real_data, "--dataset", "fashion-mnist"),
        ("--batch-size", "64"),
        *([("--precision", "bf16")] if has_bf16(torch.device("cpu")) else []),
        ("--label-smoothing", "0.1"),
        sgd,
        (*sgd, *momentum),
        (*sgd, *momentum, "--nesterov"),
        ("--weight-decay", "0.1"),
        ("--max-gradient-norm", "0.1"),
        ("--flip", "alternating"),
        ("--crop", "2"),
        ("--erase", "10"),
        ("--mean", "0.3"),
        ("--std", "0.3"),
    ]
    found = [losses(*change) for change in changes]
    assert [change for change, each in zip(changes, found, strict=True) if each == plain] == []
    assert len(set(found)) == len(changes)


def test_a_loss_that_never_falls_suggests_nothing(call_in_process: Call, net: str) -> None:
    arguments = ("lr-find", "--model", net, "--args", '{"frozen": true}', *SHORT)
    result = call_in_process(*arguments, "--json")
    assert result.status == 1
    assert result.json["suggestion"] is None
    assert len(result.json["losses"]) == 20
    assert "no suggestion" in result.err
    assert call_in_process(*arguments).status == 1


@pytest.mark.covers("lr-find --device")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", "19"), ("steps is 19", "20")),
        (("--batch-size", "0"), ("batch size is 0",)),
        (("--batch-size", "12001"), ("12001", "12,000")),
        (("--seed", "-1"), ("seed is -1",)),
        (("--device", "tpu"), ("'tpu'",)),
        (("--recipe", "fast"), ("'fast'", "quick")),
        (("--model", "nothing"), ("'nothing'", "guide")),
        (("--args", "{}x"), ("--args", "JSON")),
    ],
)
def test_bad_input(options: tuple[str, ...], words: tuple[str, ...], call_in_process: Call) -> None:
    assert_error(call_in_process("lr-find", "--dataset", "synthetic", *options), 2, *words)
