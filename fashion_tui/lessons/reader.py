"""The lessons out of their files."""

from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec


class LessonStep(msgspec.Struct, frozen=True, kw_only=True):
    """A cell to run, with what stands before and after it."""

    text: str
    """Markdown, before the cell; empty where it speaks for itself."""
    code: str
    """Python, without a line end at its end."""
    observation: str
    """Markdown: what to look at once it has run."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """`04-autograd`: the name of its file."""
    title: str
    steps: tuple[LessonStep, ...]
    closing: str
    """Markdown, after the last step; empty where there is nothing to add."""


@cache
def lessons() -> tuple[Lesson, ...]:
    """All of them, in their order."""
    files = [file for file in resources.files(__package__).iterdir() if file.name.endswith(".md")]
    return tuple(
        parse(file.name.removesuffix(".md"), file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    )


def parse(lesson_id: str, source: str) -> Lesson:
    """A lesson from its Markdown; ValueError where it isn't of the form that this package's docstring describes."""
    blocks = list(_blocks(source))
    if not blocks or blocks[0][0] != "title":
        raise ValueError(f"lesson {lesson_id} doesn't begin with '# Title'")
    steps: list[LessonStep] = []
    paragraphs: list[str] = []
    waiting: LessonStep | None = None
    """A cell whose block quote hasn't come yet."""
    for kind, text in blocks[1:]:
        if (kind == "look") != (waiting is not None):
            raise ValueError(f"lesson {lesson_id}: a cell and a block quote don't follow each other at {text!r}")
        if kind == "text":
            paragraphs.append(text)
        elif kind == "cell":
            waiting = LessonStep(text="\n\n".join(paragraphs), code=text, observation="")
            paragraphs = []
        elif waiting is not None:
            steps.append(msgspec.structs.replace(waiting, observation=text))
            waiting = None
        else:
            raise ValueError(f"lesson {lesson_id}: a second title, {text!r}")
    if waiting is not None:
        raise ValueError(f"lesson {lesson_id}: no block quote after the last cell")
    return Lesson(id=lesson_id, title=blocks[0][1], steps=tuple(steps), closing="\n\n".join(paragraphs))


def _blocks(source: str) -> Iterator[tuple[str, str]]:
    """The kind of each part, `title`, `text`, `cell` or `look`, and its text as it stands there, without its marks."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 -- the first paint doesn't need it

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
            yield "look", "\n".join(line.removeprefix(">").removeprefix(" ") for line in block.splitlines())
        else:
            yield "text", block
