"""A row of the form: one field with its value."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from fashion_tui.report.style import ATTENTION, BAD, FOREGROUND, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import NO, YES, Field, FieldValue
from fashion_tui.tui.widgets.cycle import Cycle


class FieldRow(Horizontal):
    """Shows a field's label, value and note. A value that differs from the original one is marked.

    The editor is a Cycle for choices and Booleans, and an Input for other fields. Its id is the name of the field.
    """

    def __init__(self, field: Field, original: FieldValue, origin: str, choices: Sequence[str] = ()) -> None:
        """`origin` names the source of the original value, such as "recipe". `choices` replace those of the field."""
        super().__init__(id=f"{field.name}-row", classes="field")
        self.field = field
        self.original = original
        self._origin = origin
        choices = choices or field.choices or ((NO, YES) if field.type is bool else ())
        text = field.format(original)
        self.editor: Input | Cycle
        if choices:
            self.editor = Cycle(choices, id=field.name, value=text)
        else:
            self.editor = Input(text, id=field.name, compact=True)
        self._shown: tuple[bool, str | Text] = (False, "")
        self._label = Label(self._label_text())
        self._note = Static(classes="hint", id=f"{field.name}-hint", markup=False)

    def compose(self) -> ComposeResult:
        yield self._label
        yield self.editor
        yield self._note

    def value(self) -> FieldValue:
        """Return the value. Raises InvalidField."""
        return self.field.parse(self.editor.value)

    @property
    def is_changed(self) -> bool:
        """Whether the value differs from the original one."""
        try:
            return self.value() != self.original
        except UserError:
            return True

    def set_original(self, original: FieldValue) -> None:
        """Replace the original value. The current value is replaced, too, unless the user has changed it."""
        was_changed = self.is_changed
        self.original = original
        if not was_changed:
            self.reset()

    def reset(self) -> None:
        """Set the value to the original one."""
        self.set_value(self.original)

    def set_value(self, value: FieldValue) -> None:
        self.editor.value = self.field.format(value)

    def show(self, error: str | None = None, note: str | Text = "") -> None:
        """Show an error or, if there is none, a note. With neither, show the original value of a changed field."""
        if error is not None:
            note = Text(error, BAD)
        elif not note and self.is_changed:
            note = Text(f"{self._origin}: {self.field.format(self.original)}", MUTED)
        shown = (self.is_changed, note)
        if shown != self._shown:  # an update would lay out the whole form again
            self._shown = shown
            self._label.update(self._label_text(), layout=False)
            self._note.update(note)

    def _label_text(self) -> Text:
        if self.is_changed:
            return Text.assemble(("* ", ATTENTION), (self.field.about.label, FOREGROUND))
        return Text(f"  {self.field.about.label}", MUTED)
