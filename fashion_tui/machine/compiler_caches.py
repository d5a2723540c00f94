"""Private folders for the caches of torch.compile.

By default, Inductor's cache is in the shared temporary folder. Its name is predictable, so another user could create
it first, and Inductor unpickles the files in it.
"""

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import platformdirs

from fashion_tui.files import make_private_folder

VARIABLES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
"""Maps each environment variable for a cache folder to the name of our folder."""

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
    """Return a folder in the cache to which only this user can write. If that fails, return a new temporary folder."""
    folder = cache_folder / "compiled"
    try:
        if not folder.is_absolute():
            raise FileNotFoundError(folder)  # the home directory is unknown
        make_private_folder(folder)
        cache_folder.chmod(cache_folder.stat().st_mode & ~_WRITABLE_BY_OTHERS)
        if all(_is_private(path) for path in (cache_folder, folder)):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="fashion-tui-compiled-"))


def _is_private(folder: Path) -> bool:
    """Return whether a folder belongs to this user and other users can't write to it."""
    status = folder.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & _WRITABLE_BY_OTHERS
