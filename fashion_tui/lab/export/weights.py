"""The weights of a network as tensors, to be written to a file and loaded from it."""

import hashlib

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from fashion_tui.schema.errors import UserError


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


def weights_sha256(model: nn.Module) -> str:
    """Return the SHA-256 of the bytes of all weights and buffers, in the order of their names.

    Tied tensors count once, under their first name.
    """
    digest = hashlib.sha256()
    for _, tensor in sorted(contiguous_weights(model).items()):
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_weights(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU. Raises UserError if it isn't a safetensors file."""
    try:
        return dict(safetensors.torch.load(content))
    except safetensors.SafetensorError as error:
        raise UserError(f"not a valid safetensors file: {error}") from error


def load_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load the tensors of a safetensors file into a network of the same class.

    Raises UserError if the weights belong to a different network.
    """
    expected = contiguous_weights(model)
    if expected.keys() != weights.keys() or any(weights[name].shape != expected[name].shape for name in expected):
        raise UserError(f"the weights don't fit {type(model).__name__}: their names are {', '.join(sorted(weights))}")
    model.load_state_dict(weights, strict=False)  # not strict, because tied weights are stored only once
