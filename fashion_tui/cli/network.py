"""A network of the person's own on the command line: `file.py:Class`, and `--args` for its class."""

from pathlib import Path

import msgspec

from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import MODELS
from fashion_tui.schema.requests import CheckModel

from .ask import ask_engine

TORCHVISION = "torchvision:"


def read_arguments(text: str) -> dict[str, object]:
    """What `--args` says."""
    try:
        arguments = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"--args is no JSON: {error}; such as '{{\"width\": 32}}'") from error
    if not isinstance(arguments, dict):
        raise UsageError(f"--args is {text}; it must be an object of keyword arguments, such as '{{\"width\": 32}}'")
    return arguments


def read_network(model: str | None, arguments: dict[str, object]) -> CustomModel | None:
    """The network that `--model` names, read from its file; None where it is one of ours, or the recipe's."""
    if model is None or model in MODELS:
        if arguments:
            raise UsageError("--args goes with a network of your own: --model file.py:Class; ours take no arguments")
        return None
    if model.startswith(TORCHVISION):
        raise UsageError("torchvision's networks aren't trained as they are; write a class that makes one, in a file")
    file, _, name = model.rpartition(":") if not model.endswith(".py") else (model, "", "")
    path = Path(file).expanduser()
    if path.suffix != ".py":
        raise UsageError(f"no model is called {model!r}; there is: {', '.join(MODELS)}, and file.py:Class for your own")
    return CustomModel(source=_text(path), class_name=name or None, arguments=arguments, file=str(path))


def tried(network: CustomModel) -> CustomModel:
    """The network, its class named; UserError where it can't be trained. Executes it, in a process of its own."""
    return ask_engine(CheckModel(network=network), CustomModel, "trying the network")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: {error}") from error
