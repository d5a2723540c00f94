"""Handler for requests to write the predictions of a run to a file."""

from pathlib import Path
from typing import BinaryIO

from fashion_tui.data.datasets import image_files
from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.evaluation.predictions_csv import write_predictions
from fashion_tui.schema.evaluation import PredictionsFile
from fashion_tui.schema.requests import WritePredictions
from fashion_tui.target import write_error

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .evaluation import EvaluatedRun, open_evaluated


def write_predictions_file(request: WritePredictions, call: CallContext, cache: Cache) -> PredictionsFile:
    with open_evaluated(Path(request.run_path), request.checkpoint, cache) as trained:
        evaluated = EvaluatedRun(trained, request.split, call, cache)
        logits, labels = evaluated.logits(), evaluated.images.labels
    split = "test" if request.split == "test" else "train"  # the images of the validation split are training images
    files = {index: path for (part, index), path in image_files(evaluated.dataset.ref).items() if part == split}

    def write(file: BinaryIO) -> None:
        write_predictions(
            file,
            logits,
            labels,
            evaluated.dataset.classes,
            first_index=evaluated.parts.first_index,
            files=files,
            progress=call.progress,
            should_stop=call.cancelled,
        )

    try:
        write_atomically(Path(request.output), write, mode=PUBLIC_MODE)
    except Cancelled:
        raise RequestCancelled from None
    except OSError as error:
        raise write_error(request.output, error) from error
    return PredictionsFile(path=request.output, rows=len(labels))
