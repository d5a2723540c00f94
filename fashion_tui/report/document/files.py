"""The files about an evaluation that commands and the app write: the report and the predictions."""

from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.report.config_text import config_text
from fashion_tui.runs.run import Run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage
from fashion_tui.schema.requests import Evaluate, GetPredictions, WritePredictions
from fashion_tui.schema.robustness import Robustness
from fashion_tui.target import write_error, write_target

from .content import MAX_MISTAKES, EvaluationDocument
from .html import evaluation_html
from .markdown import evaluation_markdown, image_files


def worst_mistakes(request: Evaluate) -> GetPredictions:
    """Return a request for the mistakes that a report shows."""
    return GetPredictions(
        run_path=request.run_path, checkpoint=request.checkpoint, split=request.split,
        outcome="wrong", truth=None, predicted=None, sort="loss", offset=0, limit=MAX_MISTAKES,
    )  # fmt: skip


def all_predictions(request: Evaluate, file: Path) -> WritePredictions:
    """Return a request to write the predictions of the evaluated images to a file."""
    return WritePredictions(
        run_path=request.run_path, checkpoint=request.checkpoint, split=request.split, output=str(file)
    )


def evaluation_document(
    run_path: Path,
    evaluation: Evaluation,
    mistakes: PredictionPage,
    baselines: Baselines | None = None,
    robustness: Robustness | None = None,
) -> EvaluationDocument:
    """Return the content of a report about a run. Raises UserError if the run can't be read."""
    with Run(run_path) as run:
        return EvaluationDocument(
            evaluation=evaluation,
            dataset=run.config.dataset.short_name,
            mistakes=mistakes.predictions,
            mistake_count=mistakes.total,
            settings=config_text(run),
            versions=run.config.versions,
            baselines=baselines,
            robustness=robustness,
        )


def write_report(document: EvaluationDocument, path: Path) -> None:
    """Write a report in the format that the suffix stands for.

    The images of a Markdown report are written to a folder beside it, before the report. Raises UserError if a file
    can't be written. An existing report and its images are then left unchanged, and no new files remain.
    """
    if path.suffix.lower() == ".html":
        write_target(path, evaluation_html(document))
        return
    folder = images_folder(path)
    is_new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"can't create the folder {folder}: {error.strerror or error}") from error
    try:
        _write_markdown(document, path, folder)
    except BaseException as error:
        if is_new:
            rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise write_error(path, error) from error
        raise


def _write_markdown(document: EvaluationDocument, path: Path, folder: Path) -> None:
    """Write a report and its images, which are moved to `folder` only after all content is on disk."""
    with TemporaryDirectory(dir=folder, prefix=".") as staging:

        def write(file: BinaryIO) -> None:
            file.write(evaluation_markdown(document, folder.name))
            file.flush()
            for name in images:
                (Path(staging) / name).replace(folder / name)

        images = image_files(document)
        for name, content in images.items():
            write_atomically(Path(staging) / name, content, mode=PUBLIC_MODE)
        write_atomically(path, write, mode=PUBLIC_MODE)


def images_folder(report: Path) -> Path:
    """Return the folder for the images of a Markdown report."""
    return report.with_name(f"{report.stem}-images")
