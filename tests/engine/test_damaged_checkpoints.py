"""Errors about damaged and wrong checkpoints name the file and the usable checkpoints in one sentence."""

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest
import torch
from torch import Tensor

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.export import ExportResult
from fashion_tui.schema.requests import Evaluate, Export, GetTrainedWeights
from fashion_tui.schema.weights import Histogram
from tests.runs.parts import make_run

pytestmark = pytest.mark.asyncio(loop_scope="module")

Write = Callable[[BinaryIO], Any]


def weights() -> dict[str, Tensor]:
    return {**build("guide").state_dict()}


def training(**state: object) -> Write:
    return lambda file: write_checkpoint(file, state, {})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with intact checkpoints of steps 10 and 20."""
    with make_run(tmp_path / "runs", dataset=SYNTHETIC) as run:
        for step in (10, 20):
            run.checkpoints.save(training(model=weights()), step=step, epoch=0)
        return run.path


def cut_off(file: BinaryIO) -> None:
    content = io.BytesIO()
    training(model=weights())(content)
    file.write(content.getvalue()[:3000])


UNREADABLE: dict[str, tuple[Write, str]] = {
    "cut off": (cut_off, "damaged"),
    "empty": (lambda _file: None, "empty"),
    "text": (lambda file: file.write(b"hello\n"), "damaged"),
    "zeros": (lambda file: file.write(bytes(1000)), "damaged"),
    "a foreign object": (lambda file: torch.save({"training": io.StringIO()}, file), "StringIO"),
    "a pickle": (lambda file: pickle.dump({"training": 1}, file, protocol=2), "damaged"),
    "only weights": (lambda file: torch.save(weights(), file), "no training state"),
    "no weights": (training(epoch=1), "no training state"),
    "weights that aren't tensors": (training(model={"conv1.weight": "x"}), "no training state"),
    "averages that aren't tensors": (training(model=weights(), averaged=3), "no training state"),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
async def test_a_file_that_is_not_a_checkpoint_is_reported_with_the_reason(
    engine: Engine, run: Path, tmp_path: Path, name: str
) -> None:
    write, reason = UNREADABLE[name]
    Run(run).checkpoints.save(write, step=30, epoch=0)
    path, output = str(run), str(tmp_path / "net.safetensors")
    requests = (
        (Evaluate(run_path=path, checkpoint="final"), Evaluation),
        (GetTrainedWeights(run_path=path, checkpoint="final"), tuple[Histogram, ...]),
        (Export(run_path=path, checkpoint="final", format="safetensors", output=output), ExportResult),
    )
    for request, result_type in requests:
        with pytest.raises(UserError) as caught:
            await engine.ask(request, result_type)
        message = str(caught.value)
        assert f"{run}/checkpoints/step-30.pt is not" in message
        assert reason in message
        assert message.endswith("checkpoint: 20"), "the checkpoints that can be used are listed"
        assert "torch." not in message
    assert "net.safetensors" not in os.listdir(tmp_path)  # noqa: PTH208


async def test_the_first_weight_that_does_not_fit_is_named(engine: Engine, run: Path) -> None:
    state = weights()
    first, *others = state
    wrong: list[tuple[dict[str, Tensor], str]] = [
        ({name: state[name] for name in others}, f"it has no {first};"),
        (state | {"more": torch.zeros(1), "extra": torch.zeros(1)}, "the network has no more and 1 other tensor;"),
        (state | {first: state[first][None]}, f"the shape of {first} is [1, 12, 1, 5, 5] instead of [12, 1, 5, 5];"),
        (state | {first: state[first].long()}, f"the dtype of {first} is int64 instead of float32;"),
    ]
    for step, (model, reason) in enumerate(wrong, 30):
        Run(run).checkpoints.save(training(model=model), step=step, epoch=0)
        with pytest.raises(UserError) as caught:
            await engine.ask(Evaluate(run_path=str(run), checkpoint=str(step)), Evaluation)
        assert f"step-{step}.pt" in str(caught.value)
        assert reason in str(caught.value)


@pytest.mark.parametrize("damage", ["cut off", "emptied", "a folder", "another hash"])
async def test_a_checkpoint_that_was_asked_for_is_not_replaced_by_another(
    engine: Engine, run: Path, damage: str
) -> None:
    file = run / "checkpoints" / "step-20.pt"
    if damage == "a folder":
        file.unlink()
        file.mkdir()
    elif damage == "another hash":
        ref = Run(run).checkpoints.latest()
        assert ref is not None
        for name in ("step-20.json", "latest.json"):
            file.with_name(name).write_bytes(msgspec.json.encode(msgspec.structs.replace(ref, sha256="0" * 64)))
    else:
        file.write_bytes(file.read_bytes()[:-10] if damage == "cut off" else b"")
    with pytest.raises(UserError) as caught:
        await engine.ask(Evaluate(run_path=str(run), checkpoint="20"), Evaluation)
    message = str(caught.value)
    assert message.count("step-20.pt") == 1
    assert message.endswith("checkpoint: 10")
    assert len(message) < 200, "it fits on a small screen"
    assert (await engine.ask(Evaluate(run_path=str(run), checkpoint="final"), Evaluation)).step == 10
