"""`fashion-tui rename`, `tag` and `note`."""

import click
import msgspec

from fashion_tui.cli.options import CommonOptions, common_options, json_option, run_argument
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.runs import notes
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import open_run
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.notes import Notes


@click.command(
    "rename",
    epilog="""\b
Examples:
  fashion-tui rename latest "wider, with dropout"
  fashion-tui rename guide-a1b2 ""              remove the title""",
)
@run_argument
@click.argument("title")
@json_option
@common_options
def rename_command(name: str, title: str, *, as_json: bool, common: CommonOptions) -> None:
    """Give a run a title.

    The run's id and its folder don't change.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        run.check_writable()
        changed = notes.rename(run.folder, title)
        line = f"title: {changed.title}" if changed.title else "title removed"
        _print(run, changed, line, as_json=as_json)


@click.command(
    "tag",
    epilog="""\b
Examples:
  fashion-tui tag latest baseline paper
  fashion-tui tag latest --remove paper
  fashion-tui tag latest                        print the run's tags""",
)
@run_argument
@click.argument("tags", metavar="[TAG]...", nargs=-1)
@click.option("--remove", "removed", multiple=True, metavar="TAG", help="Remove a tag. May be repeated.")
@json_option
@common_options
def tag_command(
    name: str, tags: tuple[str, ...], *, removed: tuple[str, ...], as_json: bool, common: CommonOptions
) -> None:
    """Add tags to a run, or remove them.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    if both := set(tags) & set(removed):
        raise UsageError(f"{min(both)!r} is both added and removed")
    with open_run(common.runs_directory, name) as run:
        run.check_writable()
        changed = notes.tag(run.folder, add=tags, remove=removed) if tags or removed else notes.read_notes(run.folder)
        line = f"tags: {', '.join(changed.tags)}" if changed.tags else "no tags"
        _print(run, changed, line, as_json=as_json)


@click.command(
    "note",
    epilog="""\b
Examples:
  fashion-tui note latest "The loss spikes at step 900."
  fashion-tui note latest                       print the note
  fashion-tui note latest ""                    remove the note""",
)
@run_argument
@click.argument("text", required=False)
@json_option
@common_options
def note_command(name: str, text: str | None, *, as_json: bool, common: CommonOptions) -> None:
    """Write a note on a run, or print it.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        run.check_writable()
        changed = notes.read_notes(run.folder) if text is None else notes.write_note(run.folder, text)
        _print(run, changed, *_note_lines(changed.note, removed=text is not None), as_json=as_json)


def _note_lines(note: str, *, removed: bool) -> list[str]:
    """Return the lines to print. A note of several lines starts on a line of its own."""
    if not note:
        return ["note removed" if removed else "no note"]
    lines = note.splitlines()
    return [f"note: {note}"] if len(lines) == 1 else ["note:", *lines]


def _print(run: Run, changed: Notes, first: str, *others: str, as_json: bool) -> None:
    if as_json:
        write_json({"run": run.id} | msgspec.to_builtins(changed))
        return
    print_line(f"{run.id}: {first}")
    for line in others:
        print_line(line)
