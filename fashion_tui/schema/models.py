"""Networks as requests name them: a built-in or library one by its name, a custom model by its source."""

import msgspec


class NamedModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with fresh weights, by what a person writes for it."""

    model: str
    """A name in `schema.recipe.MODELS`, `file.py:Class` or `torchvision:NAME`."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the model's class."""


class CustomModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with fresh weights, by its source."""

    source: str
    class_name: str | None
    """What of the source is the network; where it has nothing of that name, its last class that is a network."""
    arguments: dict[str, object] = {}
    file: str | None = None
    """Where the source belongs, saved or not: the modules of that folder are at hand."""
    exact: bool = False
    """It must have something of that name; without a name, it must define a single network."""
