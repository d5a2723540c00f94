"""The files that `eval` writes."""

from pathlib import Path

from fashion_tui.report.document.content import MAX_MISTAKES, EvaluationDocument
from fashion_tui.report.document.html import evaluation_html
from fashion_tui.report.document.markdown import evaluation_markdown, image_files
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import Evaluate, GetPredictions, WritePredictions

from .target import target_file, write_target


def output_file(path: Path | None, option: str, *suffixes: str) -> Path | None:
    """Check the path of an option before the work begins. Return the absolute path, or None if there is no path.

    Raises UsageError if the path has none of the suffixes, and UserError if it can't be written to.
    """
    if path is None:
        return None
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{option} is {str(path)!r}, but the name must end in {' or '.join(suffixes)}")
    target = target_file(user_path(path, option), option)
    images = _images_folder(target)
    if target.suffix.lower() == ".md" and images.exists() and not images.is_dir():
        raise UserError(f"can't create the folder {images} for the images: a file has this name; choose another report")
    return target


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


def write_report(document: EvaluationDocument, path: Path) -> None:
    """Write a report in the format that the suffix stands for.

    The images of a Markdown report are written to a folder beside it, before the report. Raises UserError if a file
    can't be written. An existing report then keeps its content.
    """
    if path.suffix.lower() == ".html":
        write_target(path, evaluation_html(document))
        return
    folder = _images_folder(path)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"can't create the folder {folder}: {error.strerror or error}") from error
    for name, content in image_files(document).items():
        write_target(folder / name, content)
    write_target(path, evaluation_markdown(document, folder.name))


def _images_folder(report: Path) -> Path:
    """Return the folder for the images of a Markdown report."""
    return report.with_name(f"{report.stem}-images")
