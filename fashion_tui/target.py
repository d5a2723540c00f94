"""Files that the user names and the app or a command writes."""

import errno
import os
import tempfile
from pathlib import Path

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import check_utf8


def target_file(output: Path, option: str) -> Path:
    """Return the absolute path of the file that an option names, with symbolic links resolved.

    Otherwise, a link would be replaced instead of the file that it points to. Call this function before the path is
    sent to the engine, where /dev/stdout is a different file. Raises UserError if the path exists but isn't a regular
    file, or if no file can be created in its folder.
    """
    target = Path(os.path.realpath(output.absolute()))
    # Use os.path, because methods of Path may raise. If links form a loop, `target` is one of these links.
    if os.path.islink(target) or (os.path.exists(output) and not os.path.isfile(target)):  # noqa: PTH110, PTH113, PTH114
        raise UserError(f"can't replace {output}: it isn't a regular file; choose another name")
    if not os.path.isdir(target.parent):  # noqa: PTH112
        raise UserError(f"can't write {output}: the folder {target.parent} doesn't exist; create it first")
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix="."):
            pass
    except OSError as error:
        reason = "its file system doesn't allow it" if error.errno == errno.ENOENT else error.strerror or error
        raise UserError(
            f"can't write {output}: no file can be created in the folder {target.parent} ({reason}); choose another one"
        ) from error
    return check_utf8(target, option)


def write_error(path: Path | str, error: OSError) -> UserError:
    """Return a UserError that says why the user's file can't be written and what to do."""
    advice = {
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.ENOSPC: "free space or choose another folder",
        errno.EDQUOT: "free space or choose another folder",
        errno.EFBIG: "raise the file size limit or choose another folder",
    }.get(error.errno or 0, "choose another folder")
    return UserError(f"can't write {path}: {error.strerror or error}; {advice}")


def write_target(target: Path, content: bytes) -> None:
    """Write a file for the user. Raises UserError if writing fails; an existing file then keeps its content."""
    try:
        write_atomically(target, content, mode=PUBLIC_MODE)
    except OSError as error:
        raise write_error(target, error) from error
