"""Weights in a file of their own, for other programs: safetensors, which can hold no code."""

import os
import secrets
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe

from .build import build_network


def export_safetensors(
    model: nn.Module, recipe: Recipe, pixels: Tensor, path: Path, network: CustomModel | None = None
) -> float:
    """Writes the network's weights into the file, at once or not at all, then reads them back into a new network.

    `network` is what a person has written, in the place of the recipe's; its code is executed to make the new one.
    Returns the largest difference between the two networks' logits for these uint8 pictures `[N, 1, 28, 28]`. The same
    weights give the same file, to the byte. UserError where the file can't be written.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no regular file, and an export takes its place; name another file")
    content = safetensors.torch.save(contiguous_weights(model))
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}; name another file") from error
    copy = build_network(recipe, network)
    load_into(copy, load_weights(path))
    cpu = torch.device("cpu")
    exported, original = (predict_logits(network.to(cpu), pixels, recipe, cpu) for network in (copy, model))
    return (exported - original).abs().max().item()


def contiguous_weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights and buffers on the CPU, in the plain layout; those with several names once, under the first."""
    weights: dict[str, Tensor] = {}
    seen: set[tuple[object, ...]] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() == 0 or place not in seen:
            seen.add(place)
            weights[name] = tensor.detach().cpu().contiguous(memory_format=torch.contiguous_format)
    return weights


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU; UserError where it can't be read."""
    try:
        return dict(safetensors.torch.load_file(path))
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is no whole safetensors file: {error}") from error


def load_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Puts exported weights into a network of the same class; UserError where they belong to another one."""
    wanted = contiguous_weights(model)
    if wanted.keys() != weights.keys() or any(weights[name].shape != wanted[name].shape for name in wanted):
        raise UserError(f"the weights aren't those of {type(model).__name__}: they are {', '.join(sorted(weights))}")
    model.load_state_dict(weights, strict=False)  # not strict: of tied weights one name is enough


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces the file: a reader, and whoever comes after a crash, finds the old content or the new."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
