"""Load, check and save the source of a network. The source is checked as the user types."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from fashion_tui.report.formatting import format_shapes
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetBuiltinSource
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.save import SaveDialog, differs, save
from fashion_tui.tui.pane import Pane

from .drafts import Draft, DraftFile, LeftDraft, default_folder
from .editor import EditorView
from .network import ShownNetwork
from .tracing import EDIT_TIME_LIMIT, OPEN_TIME_LIMIT


class EditingSession:
    """Connects the editor to the network that the editor's source defines."""

    def __init__(self, pane: Pane, show: Callable[[ShownNetwork, float], None]) -> None:
        """Create a session. `show` is called with a network to show and trace, and a time limit in seconds."""
        self._pane = pane
        self._show = show
        self._network: ShownNetwork | None = None
        """The network whose source is in the editor."""
        self._model: CustomModel | None = None
        self._draft_file = DraftFile(default_folder())

    @property
    def view(self) -> EditorView:
        return self._pane.query_one(EditorView)

    def holds(self, network: ShownNetwork) -> bool:
        """Return whether the source of this network is in the editor."""
        return self._network is network

    def is_edited(self, network: ShownNetwork) -> bool:
        return self.holds(network) and self.view.is_modified

    @property
    def saved_network(self) -> ShownNetwork | None:
        """The network with its source as it was loaded or last saved; None if the editor is empty."""
        if self._network is None or self._model is None:
            return None
        return self._network.with_source(msgspec.structs.replace(self._model, source=self.view.original))

    async def source_of(self, network: ShownNetwork) -> CustomModel:
        """Return the network and its source as a CustomModel. The source of a built-in network comes from the engine.

        Raises UserError if the engine's request fails.
        """
        model = network.model
        if isinstance(model, NamedModel):
            request = GetBuiltinSource(model=model.model)
            builtin = await self._pane.lab_app.sandbox.ask(request, CustomModel, OPEN_TIME_LIMIT)
            return msgspec.structs.replace(builtin, arguments=builtin.arguments | model.arguments)
        return model

    def load(self, network: ShownNetwork, model: CustomModel) -> None:
        """Load a network's source into the editor."""
        self.view.load(model.source)
        self._replace(network, model, OPEN_TIME_LIMIT)

    def release(self) -> None:
        """Forget the network and remove its draft. The editor keeps its text until the next `load`."""
        self._network = self._model = None
        self._draft_file.remove()

    def change(self, network: ShownNetwork, source: str) -> None:
        """Show the network with the source that the user has edited."""
        if self._model is not None and self.holds(network):
            self._replace(network, msgspec.structs.replace(self._model, source=source), EDIT_TIME_LIMIT)

    def _replace(self, network: ShownNetwork, model: CustomModel, time_limit: float) -> None:
        self._network, self._model = network.with_source(model), model
        self._show(self._network, time_limit)

    # Drafts

    async def keep_draft(self) -> None:
        """Write the edits to the draft, or remove the draft if there are no edits."""
        if (draft := self._draft()) is not None:
            await asyncio.to_thread(self._draft_file.write, draft)
        if self._draft() is None:  # the user may have saved the source in the meantime
            self._draft_file.remove()

    def leave_draft(self) -> None:
        """Write the draft one last time, and release it for the next instance of the app."""
        if (draft := self._draft()) is not None:
            self._draft_file.write(draft)
        self._draft_file.release()

    def restore(self, left: LeftDraft) -> None:
        """Load the original source of a draft into the editor, then apply the edits. The user can undo the edits."""
        draft = left.draft
        original = msgspec.structs.replace(draft.model, source=draft.original)
        self.load(ShownNetwork(draft.name, original, draft.inputs), original)
        self.view.replace(draft.model.source)

    def _draft(self) -> Draft | None:
        """Return a draft of the current edits, or None if there are no edits."""
        if self._network is None or self._model is None or not self.view.is_modified:
            return None
        return Draft(
            name=self._network.name,
            model=msgspec.structs.replace(self._model, source=self.view.source),
            original=self.view.original,
            inputs=self._network.inputs,
            time=time.time(),
        )

    def adopt_class_name(self, network: ShownNetwork, trace: SourceTrace) -> ShownNetwork:
        """Give the network the class name that the trace found in the edited source, and return the network.

        A network that is no longer in the editor is returned unchanged.
        """
        name, model = trace.class_name, self._model
        if model is None or not self.holds(network) or name is None or name == model.class_name:
            return network
        self._model = msgspec.structs.replace(model, class_name=name)
        self._network = network.with_source(self._model)
        return self._network

    def show_result(self, network: ShownNetwork, trace: SourceTrace, *, is_searching: bool) -> None:
        """Show the result of the trace below the editor.

        `is_searching` means that a fix for the error is still being searched for.
        """
        if not self.holds(network):
            return
        if trace.error is not None:
            self.view.show_error(trace.line, trace.error, trace.fix, is_searching=is_searching)
        elif trace.table is not None:
            glyphs = terminal_glyphs()
            arrow = " → " if glyphs.unicode else " -> "
            ends = ([spec.shape for spec in trace.table.inputs], trace.table.outputs)
            shapes = arrow.join(format_shapes(end, glyphs) for end in ends if end)
            self.view.show_shapes(shapes, trace.fix, trace.table.remarks[0].text if trace.table.remarks else "")

    async def save(self) -> None:
        """Save the source to its file, or to a file that the user chooses. Call this from a worker."""
        if self._model is None:
            return
        path, source = await self._path_to_save(self._model), self.view.source
        if path is None:
            return
        try:
            await asyncio.to_thread(save, path, source)
        except UserError as error:
            self._pane.notify(str(error), severity="error", markup=False)
            return
        modules = self._model.modules
        others = f"; the modules that it imports are in {modules.folder}" if modules and modules.sources else ""
        self._pane.notify(f"Saved {path}{others}", markup=False)
        if self._network is not None:
            self.view.original = source
            await self.keep_draft()
            network = replace(self._network, name=path.name)
            self._replace(network, msgspec.structs.replace(self._model, file=str(path)), EDIT_TIME_LIMIT)

    async def _path_to_save(self, model: CustomModel) -> Path | None:
        """Return the path of the source's file, or None if the user cancels.

        If necessary, ask the user for a path, or whether to replace the file.
        """
        app = self._pane.app
        if model.file is None:
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.class_name or "network").lower()
            return await app.push_screen_wait(SaveDialog("Save source to", Path.cwd() / f"{name}.py", (".py",)))
        path = Path(model.file)
        if not differs(path, self.view.original):
            return path
        question = f"{path} was changed by another program. Replace it?"
        return path if await app.push_screen_wait(ConfirmDialog(question)) else None
