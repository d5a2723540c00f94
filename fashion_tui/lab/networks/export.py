"""Export weights to safetensors, a format that other programs can read and that can't contain code."""

from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe

from .build import build_network


def export_safetensors(  # noqa: PLR0913
    model: nn.Module, recipe: Recipe, task: ImageTask, pixels: Tensor, path: Path, network: CustomModel | None = None
) -> float:
    """Write the network's weights to a file atomically, and verify them by loading them into a new network.

    `network` is the custom model that replaces the recipe's network, if any. Building the new network executes the
    custom model's code. Return the largest absolute difference between the logits of the two networks for uint8 images
    `[N, C, H, W]`. The same weights always give the same file, byte for byte. Raises UserError if the file can't be
    written.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"can't replace {path}: it isn't a regular file; choose another name")
    content = safetensors.torch.save(contiguous_weights(model))
    try:
        write_atomically(path, content, mode=PUBLIC_MODE)
    except FileNotFoundError as error:
        raise UserError(f"can't write {path}: the folder {path.parent} doesn't exist") from error
    except OSError as error:
        raise UserError(f"can't write {path}: {error.strerror or error}; choose another name") from error
    copy = build_network(recipe, network, task)
    load_into(copy, load_weights(path))
    cpu = torch.device("cpu")
    exported, original = (predict_logits(network.to(cpu), pixels, recipe, cpu) for network in (copy, model))
    return (exported - original).abs().max().item()


def contiguous_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return all weights and buffers as contiguous tensors on the CPU that don't share memory.

    Tied tensors are included once, under their first name.
    """
    weights: dict[str, Tensor] = {}
    seen: set[tuple[object, ...]] = set()
    storages: set[int] = set()
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor):  # a value returned by `get_extra_state`
            continue
        location = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() > 0 and location in seen:
            continue
        seen.add(location)
        exported = tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format)
        if exported.untyped_storage().data_ptr() in storages:  # shares memory with an exported tensor
            exported = exported.clone(memory_format=torch.contiguous_format)
        storages.add(exported.untyped_storage().data_ptr())
        weights[name] = exported
    return weights


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU. Raises UserError if the file can't be read."""
    try:
        return dict(safetensors.torch.load_file(path))
    except OSError as error:
        raise UserError(f"can't read {path}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a valid safetensors file: {error}") from error


def load_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load exported weights into a network of the same class.

    Raises UserError if the weights belong to a different network.
    """
    expected = contiguous_weights(model)
    if expected.keys() != weights.keys() or any(weights[name].shape != expected[name].shape for name in expected):
        raise UserError(f"the weights don't fit {type(model).__name__}: their names are {', '.join(sorted(weights))}")
    model.load_state_dict(weights, strict=False)  # not strict, because tied weights are stored only once
