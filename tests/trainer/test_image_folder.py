"""Training on a folder of the user's images: the handwritten digits of scikit-learn."""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from fashion_tui.data.folder import import_folder
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.prediction import predict_images
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import QUICK
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.events import EpochEnd, Finished, Resumed, StepChunk
from fashion_tui.schema.prediction import PredictedImage
from fashion_tui.schema.recipe import adapt
from fashion_tui.schema.requests import Predict
from tests.engine.in_process import UninterruptedCall

from .trainers import Trainer, assert_same, of_kind


def no_progress(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def digits(digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ref = DatasetRef(name="folder", directory=str(digits_folder), sha256="", image_size=28, fit="pad")
    return import_folder(ref, no_progress, lambda: False).info


@pytest.mark.usefixtures("forked_processes")
def test_a_killed_run_is_resumed_bit_identically_and_predicts_photos_of_digits(
    train: Callable[..., Trainer], digits: DatasetInfo, digits_folder: Path, tmp_path: Path
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

    # Photos of digits on paper: dark on a bright background, in colour, wide and large.
    files = sorted(digits_folder.glob("*/*.png"))[::30]
    photos = [photo_of(file, tmp_path / f"{index}.jpg") for index, file in enumerate(files)]
    request = Predict(run_path=str(killed.path), checkpoint="final", images=tuple(map(str, photos)))
    predicted = predict_images(request, UninterruptedCall(), Cache())
    images = [image for image in predicted.images if isinstance(image, PredictedImage)]
    correct = [image.top[0].name == file.parent.name for image, file in zip(images, files, strict=True)]
    assert len(correct) == 60
    assert sum(correct) >= 57
    assert all(step.applied for image in images for step in image.steps)
    assert all(image.novelty is not None for image in images), predicted.novelty_obstacle


def photo_of(digit: Path, file: Path) -> Path:
    paper = Image.new("RGB", (340, 300), "#f4efe0")
    ink = 255 - np.asarray(Image.open(digit).resize((300, 300), Image.Resampling.BICUBIC))
    paper.paste(Image.fromarray(np.minimum(ink, 240)), (20, 0))
    paper.save(file)
    return file
