"""Save a report, the predictions or the network of the run that the Evaluate pane shows."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import getters, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from fashion_tui.report.document.files import all_predictions, evaluation_document, worst_mistakes, write_report
from fashion_tui.report.export import export_check
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage, PredictionsFile
from fashion_tui.schema.export import SUFFIXES, ExportResult
from fashion_tui.schema.requests import Evaluate, Export
from fashion_tui.schema.run import short_name
from fashion_tui.target import target_file
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.dialog import Dialog
from fashion_tui.tui.dialogs.save import SaveDialog
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.progress_line import progress_line

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine

REPORTS = (".html", ".md")
TABLE = ".csv"
FILES: Mapping[str, tuple[str, str]] = {
    ".html": ("report as HTML", "metrics, confusion matrix, worst mistakes"),
    ".md": ("report as Markdown", "the same, with its images in a folder"),
    TABLE: ("predictions as CSV", "prediction and probabilities of each image"),
    ".safetensors": ("network as safetensors", "weights"),
    ".pt": ("network as state_dict", "weights, for torch.load"),
    ".onnx": ("network as ONNX", "weights and computation; needs the extra onnx"),
    ".pt2": ("network as exported program", "weights and computation, for torch.export.load"),
}
"""The files that can be saved: for each suffix, what the file is and what it contains."""


async def save_evaluation(
    app: App[None], subject: Evaluate, evaluation: Evaluation, baselines: Baselines | None
) -> None:
    """Let the user choose a file, and save it. If saving fails, ask for another path.

    `subject` names the checkpoint by its step. The report contains the baselines, if they are given. Call this from a
    worker.
    """
    suffix = await app.push_screen_wait(ChoiceDialog("Save", _choices()))
    if suffix is None:
        return
    what = FILES[suffix][0]
    path, problem = Path.cwd() / f"{short_name(Path(subject.run_path).name)}{suffix}", ""
    while (chosen := await app.push_screen_wait(SaveDialog(f"Save {what}", path, (suffix,), problem))) is not None:
        path = chosen
        result = await app.push_screen_wait(SavingDialog(what, subject, evaluation, baselines, path))
        if not result:
            return
        problem = result


def _choices() -> list[Choice]:
    width = max(len(what) for what, _content in FILES.values())
    return [
        Choice(suffix, Text.assemble((f"{what:<{width}}", FOREGROUND), (f"   {content}", MUTED)))
        for suffix, (what, content) in FILES.items()
    ]


class SavingDialog(Dialog[str | None]):
    """A dialog that saves a file and shows the progress. It notifies the user when the file is saved.

    The result is an empty string, the reason why the file can't be saved, or None if the user cancels.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "cancel")]
    DEFAULT_CSS = """
    SavingDialog .panel { width: 80; }
    """

    status = getters.query_one("#saving-status", Static)

    def __init__(
        self, what: str, subject: Evaluate, evaluation: Evaluation, baselines: Baselines | None, path: Path
    ) -> None:
        super().__init__()
        self._what = what
        self._subject, self._evaluation, self._baselines = subject, evaluation, baselines
        self._path = path

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(id="saving-status")

    def on_mount(self) -> None:
        self._show_progress(0, 0)
        self._save()

    def _show_progress(self, done: int, total: int) -> None:
        self.status.update(progress_line(f"saving {self._what}", "", done, total, "esc"))

    @work(exclusive=True)
    async def _save(self) -> None:
        try:
            target = await asyncio.to_thread(target_file, self._path, "the path")
            check = await self._write(target)
        except UserError as error:
            self.dismiss(str(error))
        else:
            self.notify("; ".join(filter(None, (f"Saved {self._path}", check))), markup=False)
            self.dismiss("")

    async def _write(self, target: Path) -> str:
        """Write the file. Return the result of the check of an exported network, and an empty string otherwise."""
        engine: Engine = cast("LabApp", self.app).engine
        if self._path.suffix in REPORTS:
            mistakes = await engine.ask(worst_mistakes(self._subject), PredictionPage, self._show_progress)
            document = await asyncio.to_thread(
                evaluation_document, Path(self._subject.run_path), self._evaluation, mistakes, self._baselines
            )
            await asyncio.to_thread(write_report, document, target)
        elif self._path.suffix == TABLE:
            await engine.ask(all_predictions(self._subject, target), PredictionsFile, self._show_progress)
        else:
            request = Export(
                run_path=self._subject.run_path,
                checkpoint=self._subject.checkpoint,
                format=SUFFIXES[self._path.suffix],
                output=str(target),
            )
            return export_check(await engine.ask(request, ExportResult, self._show_progress))
        return ""
