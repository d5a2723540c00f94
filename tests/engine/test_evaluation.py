"""Evaluation, predictions and export of a run's checkpoints, and checkpoints that must be refused."""

import math
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec
import pytest
import torch

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.engine.server.evaluation import _selected
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.networks.build import build_trainable
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.comparison import PredictionComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage
from fashion_tui.schema.export import ExportResult
from fashion_tui.schema.models import CustomModel, LocalModules, NamedModel
from fashion_tui.schema.requests import (
    CompareRuns,
    Evaluate,
    Export,
    GetFeatureMaps,
    GetPredictions,
    GetTrainedWeights,
    GetWeights,
    MeasureRobustness,
)
from fashion_tui.schema.robustness import Robustness
from fashion_tui.schema.weights import FeatureMaps, Histogram
from tests.custom_models import custom_model
from tests.runs.parts import make_run

pytestmark = pytest.mark.asyncio(loop_scope="module")


def untrained(seed: int) -> Callable[[BinaryIO], None]:
    """Return a function that writes a checkpoint of an untrained network."""
    torch.manual_seed(seed)
    state = {"model": build("guide").state_dict()}
    return lambda file: write_checkpoint(file, state, {})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with checkpoints of steps 10 and 20. No other run has these weights, whose logits the engine caches."""
    seed = zlib.crc32(tmp_path.name.encode())
    with make_run(tmp_path / "runs", dataset=SYNTHETIC) as run:
        for step in (10, 20):
            run.checkpoints.save(untrained(seed + step), step=step, epoch=0)
        return run.path


async def evaluate(engine: Engine, run: Path, checkpoint: str = "final") -> tuple[Evaluation, list[tuple[int, int]]]:
    """Return the evaluation and all reported (done, total) pairs."""
    progress: list[tuple[int, int]] = []
    request = Evaluate(run_path=str(run), checkpoint=checkpoint)
    return await engine.ask(request, Evaluation, lambda done, total: progress.append((done, total))), progress


async def test_an_evaluation_is_cached(engine: Engine, run: Path) -> None:
    evaluation, progress = await evaluate(engine, run)
    assert progress[-1] == (2_000, 2_000)
    assert (evaluation.step, evaluation.dataset, evaluation.n) == (20, "synthetic", 2_000)
    again, progress = await evaluate(engine, run)
    assert (again, progress) == (evaluation, [])
    earlier, progress = await evaluate(engine, run, "10")
    assert earlier.step == 10
    assert progress
    assert earlier.confusion != evaluation.confusion


async def test_predictions_of_a_removed_checkpoint_are_still_answered(engine: Engine, run: Path) -> None:
    """A live run removes old checkpoints while their evaluation is shown."""
    request = GetPredictions(
        run_path=str(run), checkpoint="10", outcome="all", sort="index", truth=None, predicted=None, offset=0, limit=9
    )
    await evaluate(engine, run, "10")
    before = await engine.ask(request, PredictionPage)
    Run(run).checkpoints.save(untrained(30), step=30, epoch=0)
    assert Run(run).checkpoints.steps() == [30, 20]
    assert await engine.ask(request, PredictionPage) == before
    itself = CompareRuns(run_path=str(run), other_path=str(run), checkpoint="10", other_checkpoint="10")
    compared = await engine.ask(itself, PredictionComparison)
    assert (compared.n, compared.broken, compared.fixed) == (2_000, (), ())
    with pytest.raises(UserError, match=r"no longer has its checkpoint at step 10; choose another checkpoint: 30, 20"):
        await engine.ask(MeasureRobustness(run_path=str(run), checkpoint="10", max_images=10), Robustness)
    other = Engine()
    try:
        with pytest.raises(UserError, match="checkpoints: 20, 30"):
            await other.ask(request, PredictionPage)
    finally:
        await other.close()


async def test_predictions_agree_with_the_evaluation(engine: Engine, run: Path) -> None:
    evaluation, _ = await evaluate(engine, run)

    async def page(
        outcome: Literal["all", "wrong", "correct"] = "all", sort: Literal["index", "loss"] = "index", **more: Any
    ) -> PredictionPage:
        request = GetPredictions(
            run_path=str(run), checkpoint="final", outcome=outcome, sort=sort,
            **({"truth": None, "predicted": None, "offset": 0, "limit": 2_000} | more),
        )  # fmt: skip
        return await engine.ask(request, PredictionPage)

    all_images = await page()
    assert [prediction.index for prediction in all_images.predictions] == list(range(2_000))
    correct, wrong = await page("correct"), await page("wrong")
    assert correct.total == round(evaluation.accuracy * 2_000)
    assert correct.total + wrong.total == all_images.total == 2_000
    assert all(prediction.truth != prediction.predicted for prediction in wrong.predictions)
    assert all(len(prediction.pixels) == 28 * 28 for prediction in correct.predictions)

    truth, predicted = next(
        (row, column)
        for row, counts in enumerate(evaluation.confusion)
        for column, count in enumerate(counts)
        if count and row != column
    )
    cell = await page(truth=truth, predicted=predicted)
    assert cell.total == evaluation.confusion[truth][predicted]
    assert {(prediction.truth, prediction.predicted) for prediction in cell.predictions} == {(truth, predicted)}

    chosen = (1_999, wrong.predictions[0].index, correct.predictions[0].index)
    assert [prediction.index for prediction in (await page(indices=chosen)).predictions] == sorted(chosen)
    assert wrong.predictions[0] in (await page("wrong", indices=chosen)).predictions
    assert (await page(indices=())).total == 0

    worst = await page("wrong", "loss", offset=2, limit=3)
    truth_probabilities = [prediction.probabilities[prediction.truth] for prediction in wrong.predictions]
    assert [prediction.probabilities[prediction.truth] for prediction in worst.predictions] == sorted(
        truth_probabilities
    )[2:5]


async def test_runs_whose_modules_have_the_same_name_are_evaluated_separately(engine: Engine, tmp_path: Path) -> None:
    """Both models have the same weights; `blocks.py` decides which class is predicted, and `forward` imports it
    again."""
    source = """
from torch import nn
import blocks


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.predicted = blocks.PREDICTED

    def forward(self, x):
        from blocks import PREDICTED
        x = self.fc(x.flatten(1)) * 0
        x[:, self.predicted] += 1
        x[:, PREDICTED] += 1
        return x
"""
    runs, weights = {}, {"fc.weight": torch.zeros(10, 784), "fc.bias": torch.zeros(10)}
    for predicted in (3, 8):
        modules = LocalModules(main="net.py", sources={"blocks.py": f"PREDICTED = {predicted}\n"})
        network = CustomModel(source=source, class_name="Net", modules=modules)
        with make_run(tmp_path / "runs", dataset=SYNTHETIC, network=network) as run:
            run.checkpoints.save(lambda file: write_checkpoint(file, {"model": weights}, {}), step=1, epoch=0)
            runs[predicted] = run.path
    for predicted in (3, 8, 3):
        evaluation, _ = await evaluate(engine, runs[predicted])
        totals = [sum(row[column] for row in evaluation.confusion) for column in range(10)]
        assert totals == [2_000 if column == predicted else 0 for column in range(10)]


async def test_dropout_and_batch_norm_answer_in_evaluation_mode(engine: Engine, tmp_path: Path) -> None:
    """In training mode, outputs would depend on random numbers and on the other images of the batch."""
    network = build_trainable(custom_model()).network.eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(*((0.5, 2.0) if name.endswith("var") else (-0.2, 0.2)))
    with make_run(tmp_path / "runs", dataset=SYNTHETIC, network=custom_model()) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, {"model": network.state_dict()}, {}), step=1, epoch=0)
        path = str(run.path)
    pixels, labels = draw(2_000, seed=1)
    inputs = (pixels / 255 - 0.5) / 0.5
    body: Any = network.get_submodule("body")
    with torch.no_grad():
        hidden = body[:4](inputs)
        logits = network(inputs)

    evaluation = await engine.ask(Evaluate(run_path=path, checkpoint="final"), Evaluation)
    assert evaluation.loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert evaluation.accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item(), abs=1e-3)

    request = GetPredictions(
        run_path=path, checkpoint="final", outcome="all", sort="index", truth=None, predicted=None, offset=7, limit=2
    )
    page = await engine.ask(request, PredictionPage)
    shown = torch.tensor([prediction.probabilities for prediction in page.predictions])
    torch.testing.assert_close(shown, logits[7:9].softmax(1), rtol=1e-4, atol=1e-6)

    after_dropout = GetFeatureMaps(
        run_path=path, checkpoint="final", index=7, path="body.4", op="Dropout", occurrence=0, offset=0, limit=1
    )
    maps = await engine.ask(after_dropout, FeatureMaps)
    assert (maps.low, maps.high) == pytest.approx((hidden[7].min().item(), hidden[7].max().item()), rel=1e-4)
    training_maps = await engine.ask(msgspec.structs.replace(after_dropout, split="train"), FeatureMaps)
    assert training_maps.image == draw(training_maps.images, seed=0)[0][7].numpy().tobytes()
    classes = [report.name for report in evaluation.per_class]
    assert (maps.truth, maps.predicted) == (classes[labels[7]], classes[logits[7].argmax()])

    weights = await engine.ask(GetTrainedWeights(run_path=path, checkpoint="final"), tuple[Histogram, ...])
    floats = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    assert {found.name: found.mean for found in weights} == pytest.approx(
        {name: tensor.mean().item() for name, tensor in floats.items()}, abs=1e-6
    )
    export = Export(run_path=path, checkpoint="final", format="safetensors", output=str(tmp_path / "net.safetensors"))
    assert (await engine.ask(export, ExportResult)).max_difference == 0


async def test_initial_weights_are_those_of_seed_0(engine: Engine) -> None:
    """Weights of another seed would change whenever the user looks at them."""
    request = GetWeights(network=NamedModel(model="guide"))
    first = await engine.ask(request, tuple[Histogram, ...])
    assert await engine.ask(request, tuple[Histogram, ...]) == first
    torch.manual_seed(0)
    for found, (name, parameter) in zip(first, build("guide").named_parameters(), strict=True):
        weights = parameter.detach().numpy()
        assert found.name == name
        assert (found.low, found.high) == (weights.min(), weights.max())
        assert found.mean == pytest.approx(weights.mean(), abs=1e-7)


async def test_a_damaged_checkpoint_is_replaced_by_the_previous_one(engine: Engine, run: Path) -> None:
    file = run / "checkpoints" / "step-20.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert (await evaluate(engine, run))[0].step == 10
    with pytest.raises(UserError, match="step-20"):
        await evaluate(engine, run, "20")


class Exploit:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
async def test_a_checkpoint_that_contains_code_is_refused(
    engine: Engine, run: Path, tmp_path: Path, write: Callable[[Any, BinaryIO], None]
) -> None:
    created = tmp_path / "created"
    Run(run).checkpoints.save(lambda file: write({"training": Exploit(created)}, file), step=30, epoch=0)
    with pytest.raises(UserError, match=r"step-30\.pt .*fashion-tui"):
        await evaluate(engine, run)
    assert not created.exists()


async def test_weights_of_another_network_are_refused(engine: Engine, run: Path) -> None:
    state = {"model": torch.nn.Linear(2, 3).state_dict()}
    Run(run).checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=30, epoch=0)
    with pytest.raises(UserError, match="network guide"):
        await evaluate(engine, run)


async def test_a_different_data_set_is_refused(engine: Engine, run: Path) -> None:
    config = Run(run).config
    other = msgspec.structs.replace(config, dataset=msgspec.structs.replace(config.dataset, sha256="0" * 64))
    (run / "config.json").write_bytes(msgspec.json.encode(other))
    with pytest.raises(UserError, match=f"SHA-256 is {config.dataset.sha256}, not 0000"):
        await evaluate(engine, run)


async def test_the_error_of_a_missing_checkpoint_names_it(engine: Engine, run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="has no checkpoint"):
        await evaluate(engine, run)
    with pytest.raises(UserError, match="--validation"):
        await evaluate(engine, run, "best")


async def test_a_failed_export_leaves_no_file(engine: Engine, run: Path, tmp_path: Path) -> None:
    def export(output: Path) -> Export:
        return Export(run_path=str(run), checkpoint="final", format="safetensors", output=str(output))

    with pytest.raises(UserError, match="doesn't exist"):
        await engine.ask(export(tmp_path / "none" / "net.safetensors"), ExportResult)
    exported = await engine.ask(export(tmp_path / "net.safetensors"), ExportResult)
    assert exported.max_difference == 0
    assert sorted(os.listdir(tmp_path)) == ["net.safetensors", "runs"]  # noqa: PTH208


async def test_images_without_probabilities_have_no_predicted_class() -> None:
    logits = torch.tensor([[1.0, 0.0], [math.nan, 0.0], [0.0, 1.0]])
    request = GetPredictions(
        run_path="", checkpoint="final", outcome="all", truth=None, predicted=0, sort="loss", offset=0, limit=9
    )
    assert _selected(request, logits, torch.zeros(3, dtype=torch.int64), 0).tolist() == [0]
