"""Metrics of a model's layers in a training loop that the script has written."""

import copy
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim import optimizer as torch_optimizer
from torch.optim.swa_utils import AveragedModel

from fashion_tui.lab.training import watching
from fashion_tui.lab.training.observation import StepObserver
from fashion_tui.runs import log_run

from .parts import metrics_of

Metrics = dict[str, dict[int, float]]


@pytest.fixture(autouse=True)
def measure_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PERIOD", 0.0)


def small_model() -> nn.Sequential:
    """A network with two layers. The second of its three ReLUs is dead."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        model.get_parameter("0.bias").copy_(torch.tensor([50.0, -50.0, 50.0]))
    return model


def batches(count: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(8, 4, generator=generator) for _ in range(count))


def norm(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))


def train(
    folder: Path, model: nn.Module, optimizers: list[Optimizer], *, passes: int = 1, steps: int = 4, watch: bool = True
) -> tuple[Metrics, Metrics]:
    """Train a model with a plain loop. Return what was logged, and the same metrics computed in the loop."""
    expected: Metrics = {}
    layers = {name: list(layer.parameters()) for name, layer in model.named_children() if list(layer.parameters())}
    with log_run("net", runs=folder) as run:
        if watch:
            run.watch(model)
        data = batches(steps * passes)
        for step in range(steps):
            for optimizer in optimizers:
                optimizer.zero_grad()
            for _ in range(passes):
                model(next(data)).square().mean().backward()
            model.eval()
            model(torch.full((8, 4), math.nan))
            model.train()
            before = {name: [one.detach().clone() for one in parameters] for name, parameters in layers.items()}
            for optimizer in optimizers:
                optimizer.step()
            gradients = {
                name: norm([one.grad for one in parameters if one.grad is not None])
                for name, parameters in layers.items()
            }
            for name, parameters in layers.items():
                update = norm([one.detach() - old for one, old in zip(parameters, before[name], strict=True)])
                expected.setdefault(f"gradient_norm/{name}", {})[step] = gradients[name]
                expected.setdefault(f"update_ratio/{name}", {})[step] = math.log10(update / norm(before[name]))
            expected.setdefault("gradient_norm", {})[step] = math.hypot(*gradients.values())
            for optimizer in optimizers:
                optimizer.zero_grad()
            run.log(step, loss=0.5)
    return metrics_of(run), expected


def check(logged: Metrics, expected: Metrics) -> None:
    """Compare all metrics but the loss. The first step isn't measured."""
    assert logged.pop("loss") == dict.fromkeys(range(4), 0.5)
    assert logged.pop("dead_relus/0") == pytest.approx(dict.fromkeys(range(1, 4), 1 / 3))
    assert logged.keys() == expected.keys()
    for name, values in expected.items():
        assert logged[name] == pytest.approx({step: values[step] for step in range(1, 4)}, rel=1e-4), name


@pytest.mark.parametrize("passes", [1, 2])
def test_layers_are_measured_in_a_plain_loop(passes: int, tmp_path: Path) -> None:
    """With several passes per step, gradients are accumulated."""
    model = small_model()
    check(*train(tmp_path, model, [SGD(model.parameters(), lr=1e-6, momentum=0.9)], passes=passes))


def test_layers_with_optimizers_of_their_own_are_measured(tmp_path: Path) -> None:
    model = small_model()
    check(*train(tmp_path, model, [SGD(model[0].parameters(), lr=1e-6), Adam(model[2].parameters())]))


def test_watching_changes_no_weight(tmp_path: Path) -> None:
    weights = []
    for watch in (True, False):
        model = small_model()
        train(tmp_path, model, [Adam(model.parameters())], watch=watch)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.equal(weights[0], weights[1])


def test_the_hooks_are_removed_at_the_end(tmp_path: Path) -> None:
    model = small_model()
    train(tmp_path, model, [Adam(model.parameters())])
    assert not torch_optimizer._global_optimizer_post_hooks
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_steps_of_another_model_are_ignored(tmp_path: Path) -> None:
    model, other = small_model(), small_model()
    optimizer = SGD(other.parameters(), lr=0.1)
    with log_run("net", runs=tmp_path) as run:
        run.watch(model)
        for step, batch in enumerate(batches(3)):
            (model(batch) + other(batch)).sum().backward()
            optimizer.step()
            run.log(step, loss=0.5)
    assert set(metrics_of(run)) == {"loss"}


def test_a_step_is_measured_about_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(watching, "PERIOD", 1.0)
    monkeypatch.setattr("fashion_tui.lab.training.watching.time.monotonic", lambda: clock)
    model = small_model()
    optimizer = SGD(model.parameters(), lr=0.001)
    with log_run("net", runs=tmp_path) as run:
        run.watch(model)
        for step, batch in enumerate(batches(60)):
            clock += 0.3
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
            run.log(step, loss=0.5)
    measured = sorted(metrics_of(run)["gradient_norm"])
    assert measured == list(range(1, 60, 4))


def saved(model: nn.Module) -> nn.Module:
    """Save a whole model and load it. The file must be loadable where the package isn't installed."""
    file = io.BytesIO()
    torch.save(model, file)
    assert b"fashion_tui" not in file.getvalue()
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


INPUT = torch.ones(2, 4)

COPIES: dict[str, Callable[[nn.Module], Callable[[Tensor], Tensor]]] = {
    "deepcopy": copy.deepcopy,
    "copy of a copy": lambda model: copy.deepcopy(copy.deepcopy(model)),
    "torch.save": saved,
    "AveragedModel": AveragedModel,
    "torch.jit.trace": lambda model: torch.jit.trace(model, INPUT),
    "torch.export": lambda model: torch.export.export(model, (INPUT,)).module(),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_model_is_copied_while_it_is_watched(
    copied: Callable[[nn.Module], Callable[[Tensor], Tensor]], tmp_path: Path
) -> None:
    """Copies are made between two steps and in the middle of a measured step. They compute the same."""
    model = small_model()
    optimizer = SGD(model.parameters(), lr=0.001)
    with log_run("net", runs=tmp_path) as run:
        run.watch(model)
        for step, batch in enumerate(batches(5)):
            optimizer.zero_grad()
            model(batch).sum().backward()
            assert torch.equal(copied(model)(INPUT), model.eval()(INPUT))
            model.train()
            optimizer.step()
            assert torch.equal(copied(model)(INPUT), model.eval()(INPUT))
            model.train()
            run.log(step, loss=0.5)
    assert sorted(metrics_of(run)["gradient_norm"]) == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore:Dynamo does not know")
def test_a_model_that_is_compiled_in_place_is_measured(tmp_path: Path) -> None:
    model = small_model()
    model.compile(backend="eager")
    logged, expected = train(tmp_path, model, [SGD(model.parameters(), lr=1e-6)], steps=2)
    assert logged["gradient_norm/0"] == pytest.approx({1: expected["gradient_norm/0"][1]})


def test_steps_of_a_copy_are_ignored(tmp_path: Path) -> None:
    model = small_model()
    with log_run("net", runs=tmp_path) as run:
        run.watch(model)
        other = copy.deepcopy(model)
        optimizer = SGD(other.parameters(), lr=0.1)
        for step, batch in enumerate(batches(3)):
            other(batch).sum().backward()
            optimizer.step()
            run.log(step, loss=0.5)
    assert set(metrics_of(run)) == {"loss"}


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_a_watched_model_can_not_be_scripted(tmp_path: Path) -> None:
    model = small_model()
    with log_run("net", runs=tmp_path) as run:
        run.watch(model)
        with pytest.raises(AttributeError, match=r"before run\.watch"):
            torch.jit.script(model)
    torch.jit.script(model)


def failing(*_: object, **__: object) -> None:
    raise RuntimeError("no memory")


@pytest.mark.parametrize("method", ["request", "observe", "take"])
def test_a_measurement_that_fails_is_reported_once(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(StepObserver, method, failing)
    model = small_model()
    logged, _ = train(tmp_path, model, [SGD(model.parameters(), lr=0.001)])
    assert logged == {"loss": dict.fromkeys(range(4), 0.5)}
    (line,) = capsys.readouterr().err.splitlines()
    assert "no memory" in line


def test_an_object_that_is_not_a_model_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log_run("net", runs=tmp_path) as run:
        run.watch("model")
        run.log(1, loss=0.5)
    assert metrics_of(run) == {"loss": {1: 0.5}}
    (line,) = capsys.readouterr().err.splitlines()
    assert "'str'" in line
