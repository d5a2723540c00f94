"""Versions of installed Python packages."""

import importlib.metadata
import importlib.util

NOT_INSTALLED = "not installed"
NO_VERSION = "without a version"
"""Version of a module that isn't part of an installed package but can be imported, for example from PYTHONPATH."""


def installed_version(package: str) -> str:
    """Return the version of an installed package, NO_VERSION or NOT_INSTALLED. `package` is its name on PyPI."""
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # an empty name raises ValueError
        return NO_VERSION if _is_importable(package) else NOT_INSTALLED


def package_of(module: str) -> str:
    """Return the name on PyPI of the package that provides a top-level module: `pillow` for `PIL`.

    Return the name of the module itself if no installed package provides it.
    """
    if installed_version(module) not in {NO_VERSION, NOT_INSTALLED}:
        return module
    return next(iter(importlib.metadata.packages_distributions().get(module, ())), module)


def _is_importable(name: str) -> bool:
    """Return whether a top-level module can be imported, without importing it."""
    try:
        return name.isidentifier() and importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
