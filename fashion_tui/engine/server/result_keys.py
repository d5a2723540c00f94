"""Keys of cached results: hashes of everything that determines a result."""

import hashlib
from functools import cache
from pathlib import Path

import msgspec

import fashion_tui.lab
from fashion_tui.runs.create import library_versions
from fashion_tui.trained_run import TrainedRun


def result_key(*parts: object) -> str:
    """Return a hash of the parts, of the code of `fashion_tui.lab`, and of the versions of the libraries.

    The parts are strings, numbers, None, or structs of the schema.
    """
    content = msgspec.json.encode((parts, library_code(), library_versions()))
    return hashlib.sha256(content).hexdigest()


def network_key(trained: TrainedRun) -> str:
    """Return a hash of a checkpoint's weights, the code of its network, and the normalisation of its inputs."""
    config = trained.config
    packages = () if config.source is None else config.source.packages
    recipe = config.recipe
    return result_key(
        trained.checkpoint.sha256, recipe.model, recipe.mean, recipe.std, config.source, library_versions(packages)
    )


@cache
def library_code() -> str:
    """Return a hash of the source files of `fashion_tui.lab`, so that other code doesn't reuse its results."""
    folder = Path(fashion_tui.lab.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
