"""The paths of the files that `eval` writes."""

from pathlib import Path

from fashion_tui.report.document.files import images_folder
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.paths import user_path
from fashion_tui.target import target_file


def output_file(path: Path | None, option: str, *suffixes: str) -> Path | None:
    """Check the path of an option before the work begins. Return the absolute path, or None if there is no path.

    Raises UsageError if the path has none of the suffixes, and UserError if it can't be written to.
    """
    if path is None:
        return None
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{option} is {str(path)!r}, but the name must end in {' or '.join(suffixes)}")
    target = target_file(user_path(path, option), option)
    images = images_folder(target)
    if target.suffix.lower() == ".md" and images.exists() and not images.is_dir():
        raise UserError(f"can't create the folder {images} for the images: a file has this name; choose another report")
    return target
