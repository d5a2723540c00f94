"""Read the weights in a file, and load them into a network that is fine-tuned, except for its head."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from fashion_tui.data.pretrained import file_sha256, find_weights
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.recipe import DEFAULT_WEIGHTS, NONE, Recipe

from .fine_tuning import FineTunedNetwork, published_weights

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Prefixes of weights in torchvision's files that belong to auxiliary classifiers, which are left out."""

OLD_DENSENET_NAME = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
"""Names of weights in torchvision's files for DenseNet, which have a dot that the network's names don't have."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file with the initial weights of a network."""

    path: Path
    sha256: str
    """SHA-256 that the file must have, or an empty string for any."""


def weights_file(recipe: Recipe, sha256: str = "") -> WeightsFile | None:
    """Return the file with a recipe's initial weights, or None if they are random.

    Raises MissingWeights if torchvision's weights haven't been downloaded.
    """
    if recipe.weights == NONE:
        return None
    is_default = recipe.weights == DEFAULT_WEIGHTS
    return WeightsFile(find_weights(published_weights(recipe.model)) if is_default else Path(recipe.weights), sha256)


def load_weights(network: FineTunedNetwork, file: WeightsFile, model: str) -> None:
    """Load the weights in a file into a network, except for its head, which keeps its new weights.

    `model` is the network's name. Raises UserError if the file can't be read or has changed, or if its weights don't
    fit the network.
    """
    network.network.load_state_dict(check_weights(network, file, model), strict=False)  # the head is missing


def check_weights(network: FineTunedNetwork, file: WeightsFile, model: str) -> dict[str, Tensor]:
    """Return the weights in a file that `load_weights` loads into a network. Raises UserError as it does."""
    path = file.path
    if file.sha256 and file_sha256(path) != file.sha256:
        raise UserError(f"{path} has changed since the run was created: its SHA-256 isn't {file.sha256}")
    head = f"{network.head}."
    expected = {name: value for name, value in network.network.state_dict().items() if not name.startswith(head)}
    weights = {name: value for name, value in _renamed(_read(path)).items() if not name.startswith((head, *AUXILIARY))}
    if problem := _mismatch(expected, weights, model):
        raise InvalidField("weights", f"the weights in {path} don't fit {model}: {problem}")
    return weights


def _read(path: Path) -> Mapping[str, Tensor]:
    """Return the weights in a safetensors file or in a `state_dict` written by `torch.save`. No code is executed."""
    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, RuntimeError, ValueError, LookupError, TypeError, pickle.UnpicklingError) as error:
        raise _unreadable(path, f"it isn't a file of weights ({type(error).__name__})") from error
    except safetensors.SafetensorError as error:
        raise _unreadable(path, f"it isn't a safetensors file ({error})") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not (isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values())):
        raise _unreadable(path, "it must contain a state_dict, which maps names to tensors")
    return content


def _unreadable(path: Path, reason: str) -> InvalidField:
    return InvalidField("weights", f"can't use the weights in {path}: {reason}")


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with the names that the network uses. The names of an exported network have a prefix."""
    prefix = "network." if all(name.startswith("network.") for name in weights) else ""
    return {OLD_DENSENET_NAME.sub(r"\1\2", name.removeprefix(prefix)): value for name, value in weights.items()}


def _mismatch(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], model: str) -> str:
    """Return a clause that says why weights don't fit, or an empty string if they do."""
    missing = [name for name in expected if name not in weights and not name.endswith("num_batches_tracked")]
    unknown = [name for name in weights if name not in expected]
    shapes = [name for name in expected if name in weights and weights[name].shape != expected[name].shape]
    if missing:
        return f"{_listed(missing)} missing"
    if shapes:
        name = shapes[0]
        others = f", and {len(shapes) - 1:,} more have other shapes" if len(shapes) > 1 else ""
        return f"{name} is {_shape(weights[name])} in the file, but {_shape(expected[name])} in the network{others}"
    return f"{model} has no {', '.join(unknown[:3])}{' …' if len(unknown) > 3 else ''}" if unknown else ""


def _listed(names: list[str]) -> str:
    others = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{others} {'is' if len(names) == 1 else 'are'}"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"
