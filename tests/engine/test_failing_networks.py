"""If a custom model fails during evaluation, the error names the call, the shapes and the line in one sentence."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.explanation import HeatMap, Neighbours
from fashion_tui.schema.prediction import Predicted
from fashion_tui.schema.requests import (
    Evaluate,
    Explain,
    GetFeatureMaps,
    GetNeighbours,
    GetShapes,
    MeasureRobustness,
    Predict,
    Request,
)
from fashion_tui.schema.robustness import Robustness
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.weights import FeatureMaps
from tests.custom_models import custom_model
from tests.runs.parts import make_run

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINE = 14
"""The line of the source that fails."""

SOURCE = """
import os, sys
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 16), nn.Linear(16, 10)

    def forward(self, x):
        n = len(x)
        {line}
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Path]:
    """A function that creates a run whose network executes a line in its forward, and returns the run's path."""

    def make(line: str) -> Path:
        torch.manual_seed(zlib.crc32(line.encode()))
        weights = {f"{name}.{part}": torch.randn(shape) for name, part, shape in WEIGHTS}
        with make_run(tmp_path / "runs", dataset=SYNTHETIC, network=custom_model(SOURCE.format(line=line))) as run:
            run.checkpoints.save(lambda file: write_checkpoint(file, {"model": weights}, {}), step=1, epoch=0)
            return run.path

    return make


WEIGHTS = (("fc1", "weight", (16, 784)), ("fc1", "bias", (16,)), ("fc2", "weight", (10, 16)), ("fc2", "bias", (10,)))


async def failure(engine: Engine, request: Request, result_type: type) -> str:
    with pytest.raises(UserError) as caught:
        await engine.ask(request, result_type)
    return str(caught.value)


CASES = {
    "a shape": ("if n > 2: x = x.view(n, 7)", LINE, "view expects 7 values per sample, got 784"),
    "an exception": ("if n > 2: raise ValueError('my reason')", LINE, "ValueError: my reason"),
    "another number of classes": ("if n > 2: return torch.zeros(n, 7)", LINE - 2, "float32 [500, 7]"),
    "a tuple": ("if n > 2: return x, x", LINE - 2, "an instance of tuple"),
    "integers": ("if n > 2: return torch.zeros(n, 10).long()", LINE - 2, "int64 [500, 10]"),
    "another batch size": ("if n > 2: x = x[1:]", LINE - 2, "float32 [499, 10]"),
    "an exit": ("if n > 2: sys.exit(3)", LINE, "SystemExit: 3"),
    "too much memory": ("if n > 2: torch.zeros(1 << 50)", LINE, "more memory for 500 images"),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_evaluation_names_the_line_and_the_shapes(
    engine: Engine, make: Callable[[str], Path], name: str
) -> None:
    code, line, reason = CASES[name]
    run = make(code)
    message = await failure(engine, Evaluate(run_path=str(run), checkpoint="final"), Evaluation)
    assert message.startswith(f"{run}/model.py:{line}: Net ")
    assert reason in message


async def test_all_requests_that_run_the_network_explain_its_error(
    engine: Engine, make: Callable[[str], Path], tmp_path: Path
) -> None:
    image = tmp_path / "image.png"
    Image.new("L", (28, 28)).save(image)
    run = make("x = x.squeeze().view(n, 8) if n == 1 else x.view(n, 7) if n > 2 else x")
    path = str(run)
    common: dict[str, Any] = {"run_path": path, "checkpoint": "final"}
    requests = (
        (MeasureRobustness(**common), Robustness, "view expects 7"),
        (Explain(**common, index=0, method="smoothgrad", split="test", layer=None, target=None), HeatMap, "squeeze"),
        (GetNeighbours(**common, index=0, split="test", limit=1), Neighbours, "view expects 7"),
        (
            GetFeatureMaps(**common, index=0, path="fc1", op="Linear", occurrence=0, offset=0, limit=1),
            FeatureMaps,
            "squeeze",
        ),
        (Predict(run_path=path, checkpoint="final", images=(str(image),) * 3), Predicted, "view expects 7"),
    )
    for request, result_type, reason in requests:
        message = await failure(engine, request, result_type)
        assert f"{run}/model.py:{LINE}: Net fails on" in message, type(request).__name__
        assert reason in message
        assert "Recorder" not in message


async def test_other_requests_survive_code_that_raises_a_base_exception_or_forks(
    engine: Engine, make: Callable[[str], Path], tmp_path: Path
) -> None:
    await engine.ask(GetShapes(model="guide"), ShapeTable)
    pid = engine.pid
    raising = make("if n > 2: raise type('Odd', (BaseException,), dict())('my reason')")
    message = await failure(engine, Evaluate(run_path=str(raising), checkpoint="final"), Evaluation)
    assert f"model.py:{LINE}: Odd: my reason" in message

    children = tmp_path / "children"
    forking = make(f"child = os.fork() if n > 2 else 1; open({str(children)!r}, 'a').write(f'{{child}}\\n')")
    evaluation = await engine.ask(Evaluate(run_path=str(forking), checkpoint="final"), Evaluation)
    assert evaluation.n == 2_000
    assert engine.pid == pid
    assert "0" in children.read_text().split(), "a child has returned from the fork"
    assert (await engine.ask(GetShapes(model="guide"), ShapeTable)).outputs == ((10,),)
