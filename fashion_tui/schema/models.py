"""Networks as requests specify them: by name, or by source code."""

import msgspec


class NamedModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with new weights, specified by name."""

    model: str
    """A name in `schema.recipe.MODELS`, `file.py:Class` or `torchvision:NAME`."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the model's class."""


class CustomModel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A network with new weights, specified by its source code."""

    source: str
    class_name: str | None
    """Class to use; if the source doesn't define it, the last `nn.Module` that it defines is used."""
    arguments: dict[str, object] = {}
    """Keyword arguments of the class."""
    file: str | None = None
    """Path that the source belongs to, saved or not; the source may import modules of that folder."""
    exact: bool = False
    """Require `class_name` to be defined or, without a class name, that the source defines a single network."""
