"""The dialog that finds a class by its name, or an image by its index."""

from dataclasses import dataclass

from rich.text import Text

from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.dataset import Split
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog

from .open_dataset import OpenDataset

ALL = "all"
IMAGE = "image"
NAME_WIDTH = 44
"""Maximum width of a class name, in columns."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What the user has chosen: a class, an image, or neither to show all classes."""

    label: int | None = None
    index: int | None = None


class FindDialog(ChoiceDialog):
    """A list of the classes. If the user types a number, the list starts with the image that has this index."""

    def __init__(self, dataset: OpenDataset, split: Split, label: int | None) -> None:
        """Create the dialog. `label` is the class that is shown now, or None if all classes are shown."""
        names, counts, glyphs = dataset.info.classes, dataset.counts(split), terminal_glyphs()
        short = [shorten(name, NAME_WIDTH, glyphs) for name in names]
        width = max(Text(name).cell_len for name in (*short, "all classes"))
        choices = [Choice(ALL, _line("all classes", sum(counts), width))]
        for index, name in enumerate(short):
            choices.append(Choice(str(index), _line(name, counts[index], width)))
        super().__init__("Class, or index of an image", choices, ALL if label is None else str(label))
        self._dataset, self._split = dataset, split
        self._full_names = [printable(name, glyphs).casefold() for name in names]

    def matching(self, typed: str) -> list[Choice]:
        """Return the classes whose names contain all typed words, and the image with the typed index.

        Classes whose names start with the typed text are first, and then the image.
        """
        typed = typed.strip()
        all_classes, *classes = self.choices
        named = [
            (name, choice)
            for name, choice in zip(self._full_names, classes, strict=True)
            if all(word in name for word in typed.split())
        ]
        first = [choice for name, choice in named if typed and name.startswith(typed)]
        others = [choice for _name, choice in named if choice not in first]
        if all(word in all_classes.searched for word in typed.split()):
            others.insert(0, all_classes)
        image = self._image(typed)
        return [*first, *([] if image is None else [image]), *others]

    def _image(self, typed: str) -> Choice | None:
        """Return the line for the image with the typed index, or None if there is no such image."""
        digits = typed.replace(",", "")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 12):
            return None
        index, count = int(digits), sum(self._dataset.counts(self._split))
        if index >= count:
            return None
        return Choice(f"{IMAGE} {index}", Text(f"image {index:,} of {count:,}", FOREGROUND))


def destination(key: str) -> Destination:
    """Return the destination that the dialog's result stands for."""
    if key.startswith(IMAGE):
        return Destination(index=int(key.removeprefix(IMAGE)))
    return Destination(label=None if key == ALL else int(key))


def _line(name: str, count: int, width: int) -> Text:
    line = Text(name, FOREGROUND, no_wrap=True)
    line.pad_right(width - line.cell_len)
    return line.append(f"  {count:>7,}", MUTED)
