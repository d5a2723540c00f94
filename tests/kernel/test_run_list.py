"""`runs` in the kernel: the list, access by id and index, and the trained network."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.data.files import find
from fashion_tui.kernel.outputs import Error
from fashion_tui.kernel.run_list import NoSuchRun, RunList
from fashion_tui.kernel.session import KernelSession
from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.lab.networks.build import build_network
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.models import CustomModel
from tests.custom_models import custom_model, forget_trust, source_that_writes
from tests.runs.parts import make_run

from .cells import displayed, done, printed, result, run

README = Path(__file__).parents[2] / "README.md"


def named_run(runs_dir: Path, name: str, network: CustomModel | None = None) -> Path:
    with make_run(runs_dir, dataset=find("synthetic"), name=name, network=network) as created:
        return created.path


def save(path: Path, model: nn.Module, step: int) -> None:
    """Write a checkpoint as a trainer does."""

    def write(file: BinaryIO) -> None:
        write_checkpoint(file, {"model": model.state_dict()}, {})

    with Run(path) as opened:
        opened.checkpoints.save(write, step=step, epoch=0)


@pytest.fixture
def runs(tmp_path: Path) -> RunList:
    return RunList(tmp_path / "runs")


@pytest.fixture
def trained(runs: RunList) -> tuple[Path, nn.Module]:
    """A run with two checkpoints, and the network of the later one."""
    path = named_run(runs.directory, "first")
    for step in (10, 20):
        torch.manual_seed(step)
        model = build("guide")
        save(path, model, step)
    return path, model


def train_briefly() -> nn.Module:
    """Train the guide's network for some steps on normalised images, so that it needs the normalisation."""
    torch.manual_seed(0)
    train = load(find("synthetic")).train
    model = build("guide")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in torch.arange(60 * 64).split(64):
        optimizer.zero_grad()
        logits = model(normalise(train.pixels[batch], GUIDE.mean, GUIDE.std))
        F.cross_entropy(logits, train.labels[batch]).backward()
        optimizer.step()
    return model


def weights(model: nn.Module) -> list[Tensor]:
    return list(model.state_dict().values())


def have_equal_weights(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_without_runs_the_message_says_how_to_start_one(runs: RunList) -> None:
    assert len(runs) == 0
    assert list(runs) == []
    for key in ("latest", "x", 0):
        with pytest.raises(NoSuchRun, match=r"no runs in '.*/runs'.* f5"):
            runs[key]
    with pytest.raises(NoSuchRun):
        _ = runs.latest
    assert "f5" in repr(runs)


def test_a_run_is_found_by_id_prefix_and_index(runs: RunList, trained: tuple[Path, nn.Module]) -> None:
    first, _ = trained
    second = named_run(runs.directory, "second")
    assert [run.path for run in runs] == [second, first]
    assert (runs.latest.id, runs[0].path, runs[-1].path) == (second.name, second, first)
    assert runs["first"].path == runs[first.name].path == first
    assert runs._ipython_key_completions_() == [second.name, first.name]
    lines = repr(runs).splitlines()
    assert lines[0].startswith(f"{second.name}  guide  ")
    assert "epoch 0/3" in lines[1]
    for wrong in ("nothing", 2, -3):
        with pytest.raises(UserError):
            runs[wrong]


def test_model_returns_the_trained_network_in_eval_mode(runs: RunList, trained: tuple[Path, nn.Module]) -> None:
    path, last = trained
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    model = runs.latest.model()
    assert torch.equal(torch.rand(3), expected)  # loading doesn't change the user's random numbers
    assert have_equal_weights(model.get_submodule("network"), last)
    assert not model.training
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    assert not have_equal_weights(runs["first"].model(10).get_submodule("network"), last)
    assert (runs.latest.state, runs.latest.test_accuracy) == (runs[0].state, None)
    assert runs.latest.config == Run(path).config
    pixels = torch.randint(256, (2, 1, 28, 28), dtype=torch.uint8)
    logits = predict_logits(last, pixels, GUIDE, torch.device("cpu"))
    assert torch.equal(model(pixels.float() / 255), logits)
    with pytest.raises(UserError, match=r"step 11; .*: 10, 20"):
        runs.latest.model(11)


def test_a_run_without_a_checkpoint_has_no_model(runs: RunList) -> None:
    with Run(named_run(runs.directory, "fresh")) as fresh:
        with fresh.lock(), pytest.raises(UserError, match=r"fashion-tui checkpoint .*fresh"):
            runs["fresh"].model()
        fresh.write_status(msgspec.structs.replace(fresh.read_status(), state="failed", step=2))
        with pytest.raises(UserError, match=r"no checkpoint: it failed at step 2$"):
            runs["fresh"].model()


def test_code_that_is_not_trusted_is_not_executed(runs: RunList, tmp_path: Path, state_home: Path) -> None:
    mark = tmp_path / "mark"
    network = custom_model(source_that_writes(mark))
    path = named_run(runs.directory, "own", network)
    save(path, build_network(GUIDE, network), 5)
    mark.unlink()
    assert isinstance(runs.latest.model(), nn.Module)
    assert mark.exists()
    mark.unlink()
    forget_trust(state_home)
    with pytest.raises(UntrustedSource, match=r"model\.py.* f6"):
        runs.latest.model()
    assert not mark.exists()


async def test_the_example_of_the_readme_gives_the_accuracy_that_eval_gives(runs: RunList) -> None:
    path = named_run(runs.directory, "briefly trained")
    save(path, train_briefly(), 60)
    command = (sys.executable, "-m", "fashion_tui", "--runs", str(runs.directory), "eval", "latest", "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    evaluated = json.loads((await process.communicate())[0])
    example = next(
        code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "runs.latest" in code
    )
    session = KernelSession(find("synthetic"), runs.directory)
    await session.start()
    try:
        assert done(await run(session, example)).status == "ok"
        accuracy = float(result(await run(session, "accuracy.item()")))
        assert done(await run(session, example.replace(".model()(", ".model().network("))).status == "ok"
        without_normalisation = float(result(await run(session, "accuracy.item()")))
    finally:
        await session.close()
    assert accuracy == pytest.approx(evaluated["accuracy"], abs=1e-6)
    assert accuracy > without_normalisation + 0.05


async def test_in_a_kernel(runs: RunList, trained: tuple[Path, nn.Module]) -> None:
    path, _ = trained
    session = KernelSession(find("synthetic"), runs.directory)
    await session.start()
    try:
        assert result(await run(session, "runs")).startswith(path.name)
        code = "runs.latest.model()(test_data[:5][0]).shape"
        assert result(await run(session, code)) == "torch.Size([5, 10])"
        outputs = await run(session, "runs['nothing']")
        (error,) = [output for output in outputs if isinstance(output, Error)]
        assert error.traceback.count("\n") == 0
        assert "no run 'nothing'" in error.traceback
        assert path.name in (await session.complete("runs['", 6)).matches
        assert ".model" in (await session.complete("runs.latest.mo", 14)).matches
        await run(session, "lab.networks")
        assert ".networks" in (await session.complete("lab.net", 7)).matches
        assert result(await run(session, "lab.networks.GuideNet.__name__")) == "'GuideNet'"
        assert not {"runs", "lab", "show"} & set(printed(await run(session, "%who")).split())
        assert displayed(await run(session, "show(test_data[0])"))[0].endswith(" · float32 [1, 28, 28] in [0, 1]")
        assert displayed(await run(session, "show(test_data)")) == ["synthetic, test set"]
    finally:
        await session.close()
