"""The Model pane's part that edits: a source is opened, followed as it is typed, saved, reverted, trained."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
from textual import on, work
from textual.reactive import var

from fashion_tui.report.formatting import format_shape
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetBuiltinSource
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.save import SaveDialog, differs, save
from fashion_tui.tui.widgets.row_list import RowList

from .editor import EditorView
from .messages import EditorLeft, SourceChanged, SourceSaved, TextLoaded
from .subject import Subject
from .tracing import PATIENCE, TracingPane

EDITING_PATIENCE = 2.0
"""Seconds for a network that is being edited."""


class EditingPane(TracingPane):
    editing: var[bool] = var(False, init=False)
    """The editor is open."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._text_of: Subject | None = None
        """The network whose source the editor holds."""

    def open(self, subject: Subject) -> None:
        self.editing = False
        super().open(subject)

    @property
    def has_text(self) -> bool:
        """The editor holds the source of the network that is shown."""
        return self._text_of is not None and self._text_of is self.subject

    @property
    def is_edited(self) -> bool:
        return self.has_text and self.query_one(EditorView).is_modified

    # Editing

    def action_edit(self) -> None:
        if self.has_text:
            self._show_editor()
        elif self.subject.has_text:
            self._load_text(self.subject)
        else:
            self.notify("The source of torchvision's networks isn't edited here; a opens a file of your own.")

    @work(group="text", exclusive=True)
    async def _load_text(self, subject: Subject) -> None:
        """What is to be edited: the source that is known, or that of one of our networks."""
        network = subject.network
        if isinstance(network, NamedModel):
            try:
                text = await self.lab_app.sandbox.ask(GetBuiltinSource(model=network.model), CustomModel, PATIENCE)
            except UserError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            network = msgspec.structs.replace(text, arguments=text.arguments | network.arguments)
        self.post_message(TextLoaded(subject, network))

    @on(TextLoaded)
    def _text_loaded(self, message: TextLoaded) -> None:
        if message.subject is not self.subject:
            return
        self.query_one(EditorView).load(message.network.source)
        self._follow(message.network, PATIENCE)
        self._show_editor()

    def _show_editor(self) -> None:
        self.editing = True
        self.query_one(EditorView).editor.focus()

    @on(SourceChanged)
    def _source_changed(self, message: SourceChanged) -> None:
        network = self.subject.network
        if self.has_text and isinstance(network, CustomModel):
            self._follow(msgspec.structs.replace(network, source=message.text))

    def _follow(self, network: CustomModel, patience: float = EDITING_PATIENCE) -> None:
        """The network that is shown is this one from now on."""
        self._text_of = self.subject.written(network)
        self.look_at(self._text_of, patience)

    @on(EditorLeft)
    def _editor_left(self) -> None:
        if self.has_class("-single"):
            self.editing = False
        self.query_one(RowList).focus()

    def say_checking(self) -> None:
        if self.has_text:
            self.query_one(EditorView).say_checking()
        else:
            super().say_checking()

    def say(self, trace: SourceTrace) -> None:
        super().say(trace)
        network = self.subject.network
        if not self.has_text or not isinstance(network, CustomModel):
            return
        if trace.class_name is not None and trace.class_name != network.class_name:  # renamed by the last edits
            self.subject = self.subject.written(msgspec.structs.replace(network, class_name=trace.class_name))
            self._text_of = self.subject
        good = ""
        if trace.error is None and trace.table is not None:
            arrow = " → " if terminal_glyphs().unicode else " -> "
            ends = (self.subject.input_size, *trace.table.outputs[:1])
            good = arrow.join(format_shape(shape, terminal_glyphs()) for shape in ends)
        self.query_one(EditorView).say(trace.line, trace.error or "", good)

    def action_revert(self) -> None:
        self.query_one(EditorView).revert()

    # Files

    def action_save(self) -> None:
        network = self.subject.network
        if not isinstance(network, CustomModel):
            return
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", network.class_name or "network").lower()
        editor = self.query_one(EditorView)
        if network.file is None:
            self.app.push_screen(SaveDialog("Save the source to", Path.cwd() / f"{name}.py", (".py",)), self._save_to)
        elif differs(Path(network.file), editor.original):
            question = f"{network.file} has been changed by another program. Replace it?"
            path = Path(network.file)
            self.app.push_screen(ConfirmDialog(question), lambda yes: self._save_to(path if yes else None))
        else:
            self._save_to(Path(network.file))

    def _save_to(self, path: Path | None) -> None:
        if path is not None:
            self._save(path, self.query_one(EditorView).text)

    @work(group="save")
    async def _save(self, path: Path, text: str) -> None:
        try:
            await asyncio.to_thread(save, path, text)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.post_message(SourceSaved(path, text))

    @on(SourceSaved)
    def _saved(self, message: SourceSaved) -> None:
        self.notify(f"saved: {message.path}", markup=False)
        network = self.subject.network
        if self.has_text and isinstance(network, CustomModel):
            self.query_one(EditorView).original = message.text
            self.subject = replace(self.subject, name=message.path.name)
            self._follow(msgspec.structs.replace(network, file=str(message.path)))

    def leave_source(self, then: Callable[[], object]) -> None:
        """Go on to another network, after asking where edits would be lost."""
        if not self.is_edited:
            then()
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - what the dialog is dismissed with
            if yes:
                then()

        self.app.push_screen(ConfirmDialog("The edited source isn't saved. Leave it?"), answered)
