"""References to networks in requests.

Built-in networks and those of libraries are identified by name, custom models by their source code.
"""

from pathlib import Path

import msgspec

from fashion_tui.files import read_limited

from .dataset import ImageTask
from .errors import UsageError, UserError
from .paths import user_path

MODELS = ("guide", "quick", "strong", "wide", "wider")
"""Names of the built-in networks in `lab.networks`."""

MIN_IMAGE_SIZES = {"guide": 4, "quick": 8, "strong": 8, "wide": 8, "wider": 8}
"""Minimum height and width of the images for each built-in network. Pooling would reduce smaller ones to nothing."""

MAX_SOURCE_BYTES = 1 << 20
"""Maximum size of a custom model's source, and of each module that it imports from its folder."""

MAX_MODULES = 256
"""Maximum number of modules imported from the folder of a custom model that a run stores."""

MAX_MODULES_BYTES = 4 << 20
"""Maximum total size of the modules that a run stores, in bytes."""

TORCHVISION = "torchvision:"
"""Prefix of the names of torchvision's networks."""

TIMM = "timm:"
"""Prefix of the names of timm's networks."""

LIBRARIES = (TORCHVISION, TIMM)


ARGUMENTS_EXAMPLE = '{"width": 32}'
"""Keyword arguments of a model's class as the user types them."""


class NamedModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with new weights, identified by name."""

    model: str
    """A name in `MODELS`, `torchvision:NAME`, `timm:NAME` or `file.py:Class`."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the network's class."""


class LocalModules(msgspec.Struct, frozen=True, kw_only=True):
    """The modules that a custom model imports from its own folder. This copy is executed, not the files on disk."""

    main: str = "model.py"
    """Path of the model's own file, relative to the top folder, such as `net.py`, or `models/net.py` in a package. The
    top folder contains the file or, if the file is part of a package, the topmost folder of the package."""
    sources: dict[str, str] = {}
    """Source of each module, keyed by its path relative to the top folder, such as `models/blocks.py`."""
    folder: str = ""
    """Path of the top folder, which is shown in messages and tracebacks."""
    packages: tuple[str, ...] = ()
    """Names on PyPI of the packages that the model imports, other than torch and torchvision."""


class CustomModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with new weights, defined by Python source."""

    source: str
    class_name: str | None
    """Name of the class, function or module instance in the source. If the source doesn't define this name, the last
    subclass of `nn.Module` in it is used, unless `exact` is set."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the class."""
    file: str | None = None
    """Path of the file that contains or will contain the source."""
    modules: LocalModules | None = None
    """The modules that the source can import in addition to installed ones. If None, it can import modules from the
    folder of `file`."""
    exact: bool = False
    """If True, the source must define `class_name`, or exactly one subclass of `nn.Module` if `class_name` is None."""


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A class in a Python file: `file.py:Class`, or `file.py` if it defines a single network."""

    path: Path
    class_name: str | None

    def read(self, arguments: dict[str, object]) -> CustomModel:
        """Read the file into a CustomModel, without executing it. Raises UserError if the file can't be read."""
        source = read_source(self.path)
        return CustomModel(
            source=source, class_name=self.class_name, arguments=arguments, file=str(self.path), exact=True
        )


def read_source(path: Path) -> str:
    """Return the content of a Python file. Raises UserError if it can't be read, isn't UTF-8 or is too large."""
    try:
        return read_limited(path, MAX_SOURCE_BYTES).decode()
    except OSError as error:
        raise UserError(f"can't read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: {error}") from error


def parse_arguments(string: str) -> dict[str, object]:
    """Parse the keyword arguments of a model's class. Raises UsageError if the string isn't a JSON object."""
    try:
        arguments = msgspec.json.decode(string)
    except msgspec.DecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise UsageError(f"{string or 'an empty string'} isn't a JSON object")
    return arguments


def check_image_size(name: str, task: ImageTask) -> None:
    """Raise UsageError if the images are too small for a built-in network."""
    _, height, width = task.image_shape
    least = MIN_IMAGE_SIZES.get(name, 1)
    if min(height, width) < least:
        raise UsageError(
            f"{name} needs images of at least {least}×{least} pixels; these are {height}×{width}: choose another "
            "network or larger images"
        )


def parse_model_name(name: str, *, to_train: bool = False) -> str | ModelFile:
    """Return the name of a built-in network or of a library's network unchanged, and `file.py:Class` as a ModelFile.

    Raises UsageError for any other name; see `unknown_model` for `to_train`. This function doesn't check that the
    library or the file defines the network.
    """
    if name in MODELS or name.startswith(LIBRARIES):
        return name
    file, _, class_name = (name, "", "") if name.endswith(".py") else name.rpartition(":")
    if Path(file).suffix != ".py":
        raise unknown_model(name, to_train=to_train)
    path = user_path(file, "the model's file")
    return ModelFile(path=path, class_name=class_name or None)


def unknown_model(name: str, *, to_train: bool = False) -> UsageError:
    """Return the error for a name that is not a built-in network, a file or a library's network.

    If `to_train` is True, the message suggests only networks that can be trained.
    """
    names, custom = ", ".join(MODELS), "file.py:Class (a custom model)"
    if to_train:
        return UsageError(
            f"unknown model {name!r}; choose from {names}, {custom} or {TORCHVISION}NAME, such as {TORCHVISION}resnet18"
        )
    return UsageError(
        f"unknown model {name!r}; choose from {names}, {custom}, {TIMM}NAME or {TORCHVISION}NAME, "
        f"such as {TORCHVISION}resnet18"
    )
