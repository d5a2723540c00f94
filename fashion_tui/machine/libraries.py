"""Versions of installed Python packages."""

import importlib.metadata

NOT_INSTALLED = "not installed"


def installed_version(package: str) -> str:
    """Return the version of an installed package, or NOT_INSTALLED. `package` is its name on PyPI."""
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # ValueError for an empty name
        return NOT_INSTALLED


def package_of(module: str) -> str:
    """Return the name on PyPI of the package that provides a top-level module: `pillow` for `PIL`.

    Return the name of the module itself if no installed package provides it.
    """
    if installed_version(module) != NOT_INSTALLED:
        return module
    return next(iter(importlib.metadata.packages_distributions().get(module, ())), module)
