"""`notes.json` of a run: the title, tags and note that the user has written.

Viewers write this file, and the trainer ignores it. A damaged file is reported and never overwritten.
"""

from collections.abc import Callable, Iterable

import msgspec

from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.notes import MAX_NOTE, MAX_TAG, MAX_TAGS, MAX_TITLE, Notes
from fashion_tui.schema.text import encodable, one_line

from .errors import DamagedRun, reason
from .folder import Folder
from .layout import MAX_NOTES_BYTES, NOTES_FILE


def read_notes(folder: Folder) -> Notes:
    """Read the notes, which are empty if the file doesn't exist. Raises DamagedRun if the file can't be read."""
    run = folder.path.name
    try:
        return msgspec.json.decode(folder.read(NOTES_FILE, MAX_NOTES_BYTES), type=Notes)
    except FileNotFoundError:
        return Notes()
    except OSError as error:
        raise DamagedRun(run, f"{NOTES_FILE} can't be read: {reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedRun(run, f"{NOTES_FILE} can't be read: {one_line(str(error))}") from error


def rename(folder: Folder, title: str) -> Notes:
    """Set the title; an empty string removes it. Neither the run's id nor its directory changes.

    Raises UsageError if the title is too long, and the errors of `_update`.
    """
    title = one_line(title, len(title) or 1)
    if len(title) > MAX_TITLE:
        raise UsageError(f"the title has {len(title):,} characters; the limit is {MAX_TITLE}")
    return _update(folder, lambda notes: msgspec.structs.replace(notes, title=title))


def tag(folder: Folder, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Notes:
    """Add and remove tags. Tags that the run has already, or doesn't have, are ignored.

    Raises UsageError if a tag is invalid or there are too many, and the errors of `_update`.
    """
    added, removed = [_checked_tag(name) for name in add], set(remove)

    def change(notes: Notes) -> Notes:
        tags = tuple(name for name in dict.fromkeys((*notes.tags, *added)) if name not in removed)
        if len(tags) > MAX_TAGS:
            raise UsageError(f"run {folder.path.name!r} would have {len(tags)} tags; the limit is {MAX_TAGS}")
        return msgspec.structs.replace(notes, tags=tags)

    return _update(folder, change)


def write_note(folder: Folder, text: str) -> Notes:
    """Replace the note; an empty string removes it.

    Raises UsageError if the note is too long, and the errors of `_update`.
    """
    text = encodable(text)
    if len(text) > MAX_NOTE:
        raise UsageError(f"the note has {len(text):,} characters; the limit is {MAX_NOTE:,}")
    return _update(folder, lambda notes: msgspec.structs.replace(notes, note=text))


def _checked_tag(name: str) -> str:
    if not name or len(name) > MAX_TAG or not name.isprintable() or any(character in name for character in ' ,"'):
        raise UsageError(f"{name!r} isn't a tag; a tag has 1 to {MAX_TAG} characters without spaces, commas or quotes")
    return name


def _update(folder: Folder, change: Callable[[Notes], Notes]) -> Notes:
    """Change the notes, atomically. Another viewer that changes them at the same time waits.

    Raises DamagedRun, without changing the file, if the file can't be read, and UserError if it can't be written.
    """
    with folder.locked():
        try:
            notes = change(read_notes(folder))
        except DamagedRun as error:
            raise UserError(f"{error}; fix or move the file, then try again") from None
        try:
            folder.write(NOTES_FILE, msgspec.json.format(msgspec.json.encode(notes), indent=2))
        except OSError as error:
            raise UserError(f"can't write {str(folder.path / NOTES_FILE)!r}: {reason(error)}") from error
    return notes
