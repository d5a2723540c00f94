"""Parse the lessons' Markdown files."""

from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec


class LessonStep(msgspec.Struct, frozen=True, kw_only=True):
    """A cell to run, with the text before and after it."""

    text: str
    """Markdown before the cell; may be empty."""
    code: str
    """Python, without a trailing newline."""
    observation: str
    """Markdown that says what to observe, shown after the cell has run."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """File name of the lesson, without the suffix; for example, `04-autograd`."""
    title: str
    steps: tuple[LessonStep, ...]
    closing: str
    """Markdown after the last step; may be empty."""


@cache
def lessons() -> tuple[Lesson, ...]:
    """Return all lessons in order."""
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".md")]
    return tuple(
        parse(file.name.removesuffix(".md"), file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    )


def parse(lesson_id: str, source: str) -> Lesson:
    """Parse the Markdown of a lesson. Raises ValueError if it doesn't follow the format in the package's docstring."""
    blocks = list(_blocks(source))
    if not blocks or blocks[0][0] != "title":
        raise ValueError(f"lesson {lesson_id} doesn't begin with '# Title'")
    steps: list[LessonStep] = []
    paragraphs: list[str] = []
    unfinished: LessonStep | None = None
    """The step whose block quote hasn't been read yet, or None."""
    for kind, text in blocks[1:]:
        if (kind == "observation") != (unfinished is not None):
            raise ValueError(f"lesson {lesson_id}: each cell must be followed by one block quote, at {text!r}")
        if kind == "text":
            paragraphs.append(text)
        elif kind == "cell":
            unfinished = LessonStep(text="\n\n".join(paragraphs), code=text, observation="")
            paragraphs = []
        elif unfinished is not None:
            steps.append(msgspec.structs.replace(unfinished, observation=text))
            unfinished = None
        else:
            raise ValueError(f"lesson {lesson_id} has a second title, {text!r}")
    if unfinished is not None:
        raise ValueError(f"lesson {lesson_id} has no block quote after its last cell")
    return Lesson(id=lesson_id, title=blocks[0][1], steps=tuple(steps), closing="\n\n".join(paragraphs))


def _blocks(source: str) -> Iterator[tuple[str, str]]:
    """Yield each block's kind (`title`, `text`, `cell` or `observation`), and its content without Markdown markers."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 -- not needed before the first paint

    lines = source.splitlines()
    for token in MarkdownIt("commonmark").parse(source):
        if token.level != 0 or token.map is None or token.nesting == -1:
            continue
        block = "\n".join(lines[slice(*token.map)]).strip()
        if token.type == "heading_open" and token.tag == "h1":
            yield "title", block.removeprefix("# ").strip()
        elif token.type == "fence" and token.info == "python":
            yield "cell", token.content.rstrip("\n")
        elif token.type == "blockquote_open":
            yield "observation", "\n".join(line.removeprefix(">").removeprefix(" ") for line in block.splitlines())
        else:
            yield "text", block
