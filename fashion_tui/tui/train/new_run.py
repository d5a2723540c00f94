"""Starting runs: the form, its data set, and the trainer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from textual.worker import Worker

from fashion_tui.data.datasets import locate, prepared_info
from fashion_tui.data.marks import mislabelled_training_images
from fashion_tui.data.pretrained import MissingWeights, find_weights
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs import launch, on_end, queue
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import FOLDER, DatasetInfo
from fashion_tui.schema.errors import UserError, caused_by
from fashion_tui.schema.fine_tuning import CheckedFineTuning, PublishedWeights
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.recipe import DEFAULT_WEIGHTS, NONE, is_fine_tuned
from fashion_tui.schema.requests import CheckFineTuning, GetPublishedWeights
from fashion_tui.schema.run import RunConfig, RunSummary, short_name
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.lab_app import DatasetState, NetworkChoice
from fashion_tui.tui.pane import Pane

from .form.choices import RunChoices
from .form.run_form import RunForm
from .requests import RunRequests
from .weights_download import WeightsDownload


class NewRuns:
    """Opens the form for a new run, and starts the run with the values that the user has chosen."""

    def __init__(
        self, pane: Pane, requests: RunRequests, prepare: Callable[[], None], show: Callable[[Path], None]
    ) -> None:
        """`prepare` prepares a trainer while the user fills in the form, and `show` shows the run that was started."""
        self._pane = pane
        self._requests = requests
        self._prepare = prepare
        self._show = show

    def open_form(self, network: NetworkChoice | None) -> Worker[None]:
        """Open the form for a new run. If `network` isn't None, it is used instead of the recipe's own network."""
        return self._pane.start_worker(partial(self._open_form, network), "new run")

    async def _open_form(self, network: NetworkChoice | None) -> None:
        state = self._checked_dataset()
        if state is not None:
            await self._ask(state.info, network, None)

    def repeat(self, summary: RunSummary) -> Worker[None]:
        """Open the form with the values of a run, so that the user can change some of them."""
        return self._pane.start_worker(partial(self._repeat, summary), "new run")

    async def _repeat(self, summary: RunSummary) -> None:
        path = Path(summary.path)
        state = self._checked_dataset()
        if state is None:
            return
        try:
            if not await confirm_trust(self._pane.app, path):
                self._pane.notify(NOT_TRUSTED)
                return
            config, custom = await asyncio.to_thread(_template, path)
            dataset = await asyncio.to_thread(self._dataset_of, config, state)
        except UserError as error:
            self._pane.notify(str(error), severity="error", markup=False)
            return
        await self._ask(dataset, NetworkChoice(config.recipe.model, custom), config)
        if dataset.ref.sha256 != config.dataset.sha256:
            images = f"The images of {printable(dataset.title, terminal_glyphs())}"
            note = f"{images} differ from those that {short_name(summary.run)} was trained on."
            self._pane.notify(note, severity="warning", markup=False)

    def _checked_dataset(self) -> DatasetState | None:
        """Return the data set that the panes show. If it is still being checked, say so and return None."""
        state = self._pane.lab_app.dataset
        if state is None:
            self._pane.notify("The data set is still being checked; try again in a moment.")
        return state

    def _dataset_of(self, config: RunConfig, state: DatasetState) -> DatasetInfo:
        """Return the data set of a run. Raises UserError if it can't be found, is damaged, or must be read first."""
        own = config.dataset
        if own.is_same_source(state.ref):
            return state.info
        chosen = self._pane.lab_app.settings.data_directory
        if own.name != FOLDER and chosen is not None:
            own = msgspec.structs.replace(own, directory=str(chosen))
        info = prepared_info(locate(own))
        if info is None:
            raise UserError(f"{own.directory} has changed; open it first, with --dataset {own.directory}")
        return info

    async def _ask(self, dataset: DatasetInfo, network: NetworkChoice | None, like: RunConfig | None) -> None:
        """Show the form, and start a run unless the user cancels."""
        self._prepare()
        self._pane.app.clear_notifications()  # notifications would cover the form
        try:
            marked = await asyncio.to_thread(mislabelled_training_images, dataset.ref)
        except UserError as error:
            self._pane.notify(str(error), severity="error", markup=False)
            marked = ()
        form = RunForm(dataset, network, like, partial(self._check_fine_tuning, dataset), marked)
        choices = await self._pane.app.push_screen_wait(form)
        if choices is not None:
            folder = self._pane.lab_app.settings.runs_directory
            self._requests.start(folder, "starting", partial(self._start, choices, dataset))

    async def _check_fine_tuning(self, dataset: DatasetInfo, choices: RunChoices) -> RunChoices | None:
        """Check a network of torchvision, and download its weights if necessary. Any other choices stay unchanged.

        Return None if the user cancels the download. Raises UserError.
        """
        recipe = choices.recipe
        if not is_fine_tuned(recipe):
            return choices
        engine = self._pane.lab_app.engine
        if recipe.weights not in {NONE, DEFAULT_WEIGHTS}:
            with caused_by("weights"):
                file = user_path(recipe.weights, "weights").absolute()
            recipe = msgspec.structs.replace(recipe, weights=str(file))
        if recipe.weights == DEFAULT_WEIGHTS:
            source = await engine.ask(GetPublishedWeights(model=recipe.model), PublishedWeights)
            try:
                await asyncio.to_thread(find_weights, source)
            except MissingWeights:
                if not await self._pane.app.push_screen_wait(WeightsDownload(source)):
                    return None
        checked = await engine.ask(CheckFineTuning(recipe=recipe, task=dataset.task), CheckedFineTuning)
        return replace(choices, recipe=checked.recipe, weights_sha256=checked.weights_sha256)

    def _start(self, choices: RunChoices, dataset: DatasetInfo) -> str:
        """Create a run and start its trainer. Call this from a thread."""
        lab_app = self._pane.lab_app
        run = create_run(
            lab_app.settings.runs_directory,
            recipe=choices.recipe,
            dataset=dataset,
            **choices.settings,
            network=choices.network,
            left_out=choices.left_out,
            suggested_learning_rate=choices.suggested_learning_rate,
            weights_sha256=choices.weights_sha256,
        )
        with run:
            problem = on_end.choose(run, None)
            launch.launch(run, spare=lab_app.spare_trainer, queue=choices.queue)
            place = queue.find_place(run.path)
        self._pane.app.call_from_thread(self._show, run.path)
        started = f"Started {short_name(run.id)}. It keeps training when you quit."
        if place is not None:
            started = (
                f"{short_name(run.id)} is {place.place} of {place.length} in the queue. It will start even if you quit."
            )
        return started if problem is None else f"{started} But {problem}."


def _template(path: Path) -> tuple[RunConfig, CustomModel | None]:
    """Return the configuration of a run, and its custom model if it has one. Raises UserError."""
    with Run(path) as run:
        return run.config, run.trusted_model()
