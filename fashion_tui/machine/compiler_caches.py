"""Private folders for the caches of torch.compile.

By default, Inductor's cache folder is in the shared temporary folder and has a predictable name. Another user could
create this folder first, and Inductor would unpickle that user's files.
"""

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import platformdirs

from fashion_tui.files import make_private_folder

VARIABLES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
"""Maps the environment variable for each cache to the name of our folder for that cache."""

_WRITABLE_BY_OTHERS = 0o022


def with_private_caches(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that may compile networks, with the caches in private folders.

    Variables that the user has set are kept.
    """
    folders = {name: folder for name, folder in VARIABLES.items() if not environ.get(name)}
    if not folders:
        return dict(environ)
    parent = _private_folder(platformdirs.user_cache_path("fashion-tui", appauthor=False))
    return {**environ, **{name: str(parent / folder) for name, folder in folders.items()}}


@cache
def _private_folder(cache_folder: Path) -> Path:
    """Create a folder in `cache_folder` that only this user can write to, and return it.

    Also make `cache_folder` writable only by this user. If either step fails, return a new temporary folder.
    """
    folder = cache_folder / "compiled"
    try:
        if not folder.is_absolute():
            raise FileNotFoundError(folder)  # happens if the home directory is unknown
        make_private_folder(folder)
        cache_folder.chmod(cache_folder.stat().st_mode & ~_WRITABLE_BY_OTHERS)
        if all(_is_private(path) for path in (cache_folder, folder)):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="fashion-tui-compiled-"))


def _is_private(folder: Path) -> bool:
    """Return whether a folder belongs to this user and isn't writable by other users."""
    status = folder.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & _WRITABLE_BY_OTHERS
