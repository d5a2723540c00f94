"""Environment variables of a trainer process."""

import os


def trainer_environment() -> dict[str, str]:
    """Return this process's environment with absolute folders in PYTHONPATH.

    A trainer starts in the run's directory, where relative folders could make it import modules that someone else put
    there.
    """
    folders = os.environ.get("PYTHONPATH")
    if not folders:
        return dict(os.environ)
    absolute = (os.path.abspath(folder) for folder in folders.split(os.pathsep))  # noqa: PTH100 - "" means this folder
    return {**os.environ, "PYTHONPATH": os.pathsep.join(absolute)}
