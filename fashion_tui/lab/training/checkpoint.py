"""Save the training state in a checkpoint file, or in memory to roll back a step."""

import copy
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from fashion_tui.lab.rng import rng_state, set_rng_state
from fashion_tui.schema.errors import UserError

_REFUSED = re.compile(r"Unsupported (?:global|class): (?:GLOBAL )?([\w.]+)")
"""Finds the name of the refused object in an error message of `torch.load(weights_only=True)`."""


class BadCheckpoint(UserError):
    """Raised when a checkpoint can't be read, contains objects other than tensors and plain values, or doesn't fit.

    Code in the file is never executed.
    """


@contextmanager
def preserve_state(
    model: nn.Module,
    device: torch.device,
    optimizers: Sequence[torch.optim.Optimizer] = (),
    averages: Sequence[Tensor] = (),
    *,
    only_on_error: bool = False,
) -> Iterator[dict[str, Any]]:
    """Save the state that a training step changes, and restore it when the `with` block exits.

    The state consists of the RNG state and the network's buffers. If the block takes optimizer steps, pass the
    optimizers as `optimizers`, and averages of the weights, if any, as `averages`. These and the weights are then
    restored, too. If `only_on_error` is True, the state is restored only if the block raises an error. Yield a dict
    with the saved tensors of the network ("model") and the RNG state ("random"). All tensors are restored in place,
    because a CUDA graph keeps using their memory.
    """
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    unchanged = set() if optimizers else parameters
    state = without_extra_states(model.state_dict())
    tensors = {name: tensor.clone() for name, tensor in state.items() if name not in unchanged}
    averages_before = [average.clone() for average in averages]
    optimizer_states = [copy.deepcopy(optimizer.state_dict()["state"]) for optimizer in optimizers]
    random = rng_state(device)

    def restore() -> None:
        model.load_state_dict(tensors, strict=False)
        for optimizer, state in zip(optimizers, optimizer_states, strict=True):
            _restore_optimizer(optimizer, state)
        for average, before in zip(averages, averages_before, strict=True):
            average.copy_(before)
        set_rng_state(random, device)

    try:
        yield {"model": tensors, "random": random}
    except BaseException:
        restore()
        raise
    if not only_on_error:
        restore()


def write_checkpoint(file: BinaryIO, training: dict[str, Any], trainer: dict[str, Any]) -> None:
    """Write the state of a `Training` and the state of the trainer to a checkpoint file.

    The trainer's state consists of plain values.
    """
    torch.save({"training": training, "trainer": trainer}, file)


def read_checkpoint(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a checkpoint. Return the state of the `Training`, with tensors on the CPU, and the state of the trainer.

    Raises BadCheckpoint if the file isn't a checkpoint.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch.load raise any kind of exception
        raise BadCheckpoint(f"{file.name} is not a fashion-tui checkpoint: {_why_unreadable(file, error)}") from error
    if not _is_checkpoint(content):
        raise BadCheckpoint(f"{file.name} is not a fashion-tui checkpoint: it contains no training state")
    return content["training"], content["trainer"]


def _why_unreadable(file: BinaryIO, error: Exception) -> str:
    """Return why `torch.load` can't read a file."""
    if file.seek(0, os.SEEK_END) == 0:
        return "it is empty"
    if (found := _REFUSED.search(str(error))) is not None:
        return (
            f"it contains {found[1]}; only tensors and plain values are loaded, because other objects can execute code"
        )
    return "it is damaged or was written by another program"


def _is_checkpoint(content: object) -> bool:
    """Return whether the content of a file has the parts of a checkpoint that are needed to load a network."""
    if not isinstance(content, dict) or not isinstance(content.get("trainer"), dict):
        return False
    training = content.get("training")
    return isinstance(training, dict) and all(map(_are_weights, (training.get("model"), training.get("averaged", {}))))


def _are_weights(value: object) -> bool:
    """Return whether a value is a dict of names and dense tensors on the CPU."""
    return isinstance(value, dict) and all(
        isinstance(name, str)
        and isinstance(tensor, Tensor)
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        for name, tensor in value.items()
    )


def without_extra_states(state: dict[str, Any]) -> dict[str, Tensor]:
    """Return only the tensors of a `state_dict`, which may also contain values returned by `get_extra_state`."""
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def final_weights(training: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights and buffers to evaluate and export, given the state of a `Training`.

    If the recipe averages the weights, these are the averages. A checkpoint at the end of an epoch also has batch
    normalisation statistics for the averages. In other checkpoints, the statistics of the current weights are used.
    """
    weights: dict[str, Tensor] = training["model"] | training.get("averaged", {})
    return weights


def first_different_tensor(first: dict[str, Tensor], second: dict[str, Tensor]) -> tuple[str, float, float] | None:
    """Compare the tensors of two states bit for bit. Return the name of the first tensor that differs, and two values.

    These are the first values that differ, or NaN if a tensor is missing or has another shape or dtype. Return None if
    both states are equal.
    """
    for name in dict.fromkeys((*first, *second)):
        a, b = first.get(name), second.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            return name, math.nan, math.nan
        a, b = a.cpu().flatten(), b.cpu().flatten()
        differs = (_bytes(a) != _bytes(b)).any(dim=1)
        if differs.any():
            index = int(differs.nonzero()[0])
            return name, float(a[index].item()), float(b[index].item())
    return None


def _bytes(values: Tensor) -> Tensor:
    """Return the bytes of a one-dimensional tensor, uint8 `[N, bytes per value]`."""
    return values.contiguous().view(torch.uint8).reshape(len(values), values.element_size())


def _restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[int, dict[str, Tensor]]) -> None:
    """Restore the momentum and the step counts of an optimizer in place.

    Tensors that the optimizer created after `state` was saved are set to 0.
    """
    with torch.no_grad():
        for parameter, tensors in optimizer.state_dict()["state"].items():
            for name, tensor in tensors.items():
                if parameter in state:
                    tensor.copy_(state[parameter][name])
                else:
                    tensor.zero_()
