"""Formats that contain only weights: safetensors, and a `state_dict` written by `torch.save`."""

import pickle
from collections.abc import Callable
from io import BytesIO

import msgspec
import safetensors.torch
import torch
from torch import Tensor, nn

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import METADATA_KEY, ExportMetadata

from .weights import contiguous_weights, load_into, read_weights


def encode_safetensors(network: nn.Module, metadata: ExportMetadata) -> bytes:
    """Return the weights as a safetensors file. The same weights and metadata always give the same bytes."""
    # A single key, because safetensors writes several keys in a random order.
    return safetensors.torch.save(contiguous_weights(network), {METADATA_KEY: msgspec.json.encode(metadata).decode()})


def decode_safetensors(content: bytes, build: Callable[[], nn.Module]) -> nn.Module:
    network = build()
    load_into(network, read_weights(content))
    return network


def encode_state_dict(network: nn.Module, _metadata: ExportMetadata) -> bytes:
    """Return the network's `state_dict` as `torch.save` writes it. This format can't store metadata."""
    file = BytesIO()
    torch.save(_cpu_state(network), file)
    return file.getvalue()


def decode_state_dict(content: bytes, build: Callable[[], nn.Module]) -> nn.Module:
    """Load the file as `torch.load(weights_only=True)` does. Raises UserError if it contains other objects."""
    network = build()
    try:
        state = torch.load(BytesIO(content), weights_only=True)
    except pickle.UnpicklingError as error:
        names = ", ".join(name for name, value in network.state_dict().items() if not isinstance(value, Tensor))
        raise UserError(
            f"the state_dict of {type(network).__name__} contains objects that torch.load(weights_only=True) refuses "
            f"({names}); return tensors and plain values from get_extra_state, or export safetensors"
        ) from error
    network.load_state_dict(state)
    return network


def _cpu_state(network: nn.Module) -> dict[str, object]:
    """Return the `state_dict` without the versions of its modules, with all tensors on the CPU."""
    return {
        name: value.detach().cpu() if isinstance(value, Tensor) else value
        for name, value in network.state_dict().items()
    }
