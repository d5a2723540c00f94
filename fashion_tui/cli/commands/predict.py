"""`fashion-tui predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from fashion_tui.cli.engine import ask_engine_for_each
from fashion_tui.cli.options import CommonOptions, checkpoint_option, common_options, json_option, trust_option
from fashion_tui.cli.output import note_synthetic, print_line, show, write_json
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.cli.values import RunName
from fashion_tui.report.prediction import obstacle_message, predictions_report
from fashion_tui.runs.store import open_newest_finished, open_run
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.prediction import FailedImage, Predicted, PredictedImage
from fashion_tui.schema.requests import Predict

MAX_IMAGES = 200
"""Maximum number of images in a request. With its pictures, an image takes up to 250 KB of the reply."""


@click.command(
    "predict",
    epilog="""\b
Examples:
  fashion-tui predict shirt.jpg
  fashion-tui predict *.png --run 20261123-1430 --checkpoint best
  fashion-tui predict shirt.jpg --json | jq '.[0].top[0].name'
\b
Each image is converted to match the images that the run was trained on: to grey or RGB, to their size,
and, if its border is bright while theirs is dark, to its negative. An image is unlike the training
images if its distance to the nearest one, measured at the input of the last linear layer, exceeds
the 99.5th percentile for images that weren't trained on.""",
)
@click.argument("images", metavar="IMAGE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--run", "name", metavar="RUN", type=RunName(), help="Run to use.  [default: the newest finished run]")
@checkpoint_option
@trust_option
@json_option
@common_options
@click.pass_context
def predict_command(  # noqa: PLR0913 - one parameter per option
    context: click.Context,
    images: tuple[Path, ...],
    *,
    name: str | None,
    checkpoint: str,
    trusted: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Predict the classes of image files.

    Print each image, its preprocessing, the most probable classes, and whether it is unlike the training images. The
    exit status is 1 if any image can't be read.

    IMAGE is a file of any size in a format such as PNG or JPEG. RUN is an id such as 20261123-143012-guide-a1b2, the
    id without its time, a unique prefix of either, a path, or latest.
    """
    paths = [user_path(image, "IMAGE").absolute() for image in images]
    folder = common.runs_directory
    with open_newest_finished(folder) if name is None else open_run(folder, name) as run:
        path = run.path
        if trusted:
            run.trust_model()
        read_run_dataset(run.config, common)
    predicted = _name_as_given(_predict(path, checkpoint, paths), images)
    failed = [image for image in predicted.images if isinstance(image, FailedImage)]
    if as_json:
        note_synthetic(predicted.dataset)
        if predicted.novelty_obstacle is not None:
            print_line(obstacle_message(predicted.novelty_obstacle), err=True)
        write_json(list(map(_as_json, predicted.images)))
    elif len(failed) < len(images):
        show(predictions_report(predicted))
    for image in failed:
        print_line(f"fashion-tui: {image.image}: {image.error}", err=True)
    context.exit(1 if failed else 0)


def _predict(run: Path, checkpoint: str, images: Sequence[Path]) -> Predicted:
    """Ask the engine for predictions. Many images are divided among several requests."""
    requests = [
        Predict(run_path=str(run), checkpoint=checkpoint, images=tuple(map(str, images[first : first + MAX_IMAGES])))
        for first in range(0, len(images), MAX_IMAGES)
    ]
    replies = ask_engine_for_each(requests, Predicted, "predicting")
    return msgspec.structs.replace(
        replies[0],
        images=tuple(image for reply in replies for image in reply.images),
        novelty_obstacle=next((reply.novelty_obstacle for reply in replies if reply.novelty_obstacle), None),
    )


def _name_as_given(predicted: Predicted, images: Sequence[Path]) -> Predicted:
    """Replace the absolute paths of the images by those on the command line."""
    pairs = zip(predicted.images, images, strict=True)
    named = tuple(msgspec.structs.replace(image, image=str(given)) for image, given in pairs)
    return msgspec.structs.replace(predicted, images=named)


def _as_json(image: PredictedImage | FailedImage) -> dict[str, Any]:
    if isinstance(image, FailedImage):
        return {"image": image.image, "top": [], "unlike_training": None, "error": image.error}
    novelty = image.novelty
    return {
        "image": image.image,
        "top": [{"name": each.name, "probability": each.probability} for each in image.top],
        "unlike_training": None if novelty is None else novelty.unlike_training,
        "distance": None if novelty is None else novelty.distance,
        "threshold": None if novelty is None else novelty.threshold,
        "steps": [
            {
                "name": step.name,
                "applied": step.applied,
                "caption": step.caption,
                "dtype": step.dtype,
                "shape": step.shape,
                "min": step.minimum,
                "mean": step.mean,
                "max": step.maximum,
            }
            for step in image.steps
        ],
    }
