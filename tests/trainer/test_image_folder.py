"""Training on a folder of the user's images: the handwritten digits of scikit-learn."""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.data.folder import import_folder
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.events import EpochEnd, Finished, Resumed, StepChunk
from fashion_tui.schema.recipe import QUICK, adapt

from .trainers import Trainer, assert_same, of_kind


def no_progress(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def digits(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ref = DatasetRef(name="folder", directory=str(digits_folder), sha256="", image_size=28, fit="pad")
    return import_folder(ref, no_progress, lambda: False).info


@pytest.mark.usefixtures("forked_processes")
def test_a_killed_run_is_resumed_to_the_bit_and_learns_the_digits(
    train: Callable[..., Trainer], digits: DatasetInfo, tmp_path: Path
) -> None:
    def make_run() -> Run:
        return create_run(
            tmp_path,
            recipe=msgspec.structs.replace(adapt(QUICK, digits), epochs=3, flip="none"),
            dataset=digits,
            seed=0,
            device="cpu",
            threads=1,
            deterministic=False,
            validation=0,
            checkpoint_every=0.05,
        )

    undisturbed, killed = make_run(), make_run()
    assert train(undisturbed).end() == 0
    trainer = train(killed)
    trainer.wait_for(EpochEnd)
    trainer.wait_for(StepChunk)
    trainer.kill()
    assert train(killed).end() == 0
    assert_same(killed, undisturbed)
    (resumed,) = of_kind(killed, Resumed)
    assert 0 < resumed.step < 3 * math.ceil(digits.train_size / killed.config.recipe.batch_size)
    (finished,) = of_kind(killed, Finished)
    assert float(finished.test_accuracy) > 0.97
