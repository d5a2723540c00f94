"""The dialog that finds a class by its name, or an image by its index or the path of its file."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from rich.text import Text
from textual import work

from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog

from .open_dataset import OpenDataset

ALL = "all"
IMAGE = "image"
MAX_FILES = 50
"""Maximum number of files to list."""
NAME_WIDTH = 44
"""Maximum width of a class name, in columns."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What the user has chosen: a class, an image, or neither to show all classes."""

    label: int | None = None
    index: int | None = None


class FindDialog(ChoiceDialog):
    """A list of the classes, the image whose index is typed, and the files whose paths contain all typed words."""

    def __init__(self, dataset: OpenDataset, split: Split, label: int | None) -> None:
        """Create the dialog. `label` is the class that is shown now, or None if all classes are shown."""
        names, counts, glyphs = dataset.info.classes, dataset.counts(split), terminal_glyphs()
        short = [shorten(name, NAME_WIDTH, glyphs) for name in names]
        width = max(Text(name).cell_len for name in (*short, "all classes"))
        choices = [Choice(ALL, _line("all classes", sum(counts), width))]
        for index, name in enumerate(short):
            choices.append(Choice(str(index), _line(name, counts[index], width)))
        super().__init__("Class, index of an image, or file name", choices, ALL if label is None else str(label))
        self._dataset, self._split = dataset, split
        self._files: list[tuple[str, int]] = []
        """Path and index of each image that is a file."""
        self._full_names = [printable(name, glyphs).casefold() for name in names]

    def on_mount(self) -> None:
        self._read_paths()

    @work(group="paths")
    async def _read_paths(self) -> None:
        """Read the paths of the images, and show the matching ones."""
        with suppress(UserError):  # the pane reports that the images can't be read
            paths = await self._dataset.paths()
            self._files = [(path, index) for (split, index), path in paths.items() if split == self._split]
            if self._files and self.input.value:
                self.show_matching()

    def matching(self, typed: str) -> list[Choice]:
        """Return the classes whose names contain all typed words, and the image with the typed index.

        Classes whose names start with the typed text are first, and then the image. Files are last.
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
        files = [choice for choice in self._matching_files(typed) if image is None or choice.key != image.key]
        return [*first, *([] if image is None else [image]), *others, *files]

    def _matching_files(self, typed: str) -> list[Choice]:
        words, glyphs = typed.split(), terminal_glyphs()
        found = ((path, index) for path, index in self._files if all(word in path.casefold() for word in words))
        return [
            Choice(f"{IMAGE} {index}", Text(shorten(path, NAME_WIDTH, glyphs), FOREGROUND))
            for path, index in islice(found, MAX_FILES if words else 0)
        ]

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
