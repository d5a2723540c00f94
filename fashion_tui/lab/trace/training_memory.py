"""Measure the memory that a network needs for training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.training_costs import TrainingMemory

from .inputs import NetworkInputs
from .model_copy import META, copy_model

BATCHES = (2, 3)
"""Batch sizes of the two passes that show how the memory grows. Batch normalisation needs at least 2 samples."""
STEP_BYTES = 4
"""Size of the step count that Adam keeps for each parameter."""


def measure_training_memory(model: nn.Module, inputs: NetworkInputs, device: torch.device) -> TrainingMemory:
    """Return the memory for training with Adam, in the model's dtype.

    A copy of the model runs in training mode on `device`, and the tensors that autograd saves for the backward pass are
    counted. They depend on the device: attention, for example, keeps less where a fused kernel computes it. If the
    device has too little memory, or if the model is on the meta device, the copy runs there. Raises UserError if the
    model fails.
    """
    if any(parameter.is_meta for parameter in model.parameters()):
        device = META
    with preserve_rng_state():
        two, three = _saved_bytes(model, inputs, device)
    per_sample = (three - two) // (BATCHES[1] - BATCHES[0])
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = sum(map(_size, trainable))
    return TrainingMemory(
        parameters=sum(map(_size, model.parameters())) + sum(map(_size, model.buffers())),
        gradients=gradients,
        adam_state=2 * gradients + STEP_BYTES * len(trainable),
        fixed_activations=max(two - BATCHES[0] * per_sample, 0),
        sample_activations=per_sample,
    )


class SavedTensors(saved_tensors_hooks):
    """A context manager that counts the memory of the tensors that autograd saves, except the model's own tensors."""

    def __init__(self, model: nn.Module) -> None:
        self._own = {_storage(tensor) for tensor in [*model.parameters(), *model.buffers()]}
        self._sizes: dict[int, int] = {}
        self._kept: list[Any] = []
        """The counted storages, kept alive so that no other storage gets the same identifier."""
        pack: Callable[[Tensor], Tensor] = self._count
        super().__init__(pack, lambda tensor: tensor)

    @property
    def total(self) -> int:
        """Size of the storages of all saved tensors, in bytes. A storage that several tensors share is counted once."""
        return sum(self._sizes.values())

    def _count(self, tensor: Tensor) -> Tensor:
        identifier = _storage(tensor)
        if identifier not in self._own:
            storage = tensor.untyped_storage()
            self._sizes[identifier] = storage.nbytes()
            self._kept.append(storage)
        return tensor.detach()  # the tensor itself would be part of a reference cycle


def _saved_bytes(model: nn.Module, inputs: NetworkInputs, device: torch.device) -> list[int]:
    """Return the memory of the saved tensors for each batch size in `BATCHES`."""
    try:
        return [_saved_in_pass(model, inputs, batch, device) for batch in BATCHES]
    except (MemoryError, torch.OutOfMemoryError):
        return [_saved_in_pass(model, inputs, batch, META) for batch in BATCHES]
    except (Exception, SystemExit) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"the memory for training is unknown, because the network fails: {reason[0]}") from error


def _saved_in_pass(model: nn.Module, inputs: NetworkInputs, batch: int, device: torch.device) -> int:
    model_copy = copy_model(model, device).train()
    arguments = inputs.make(batch, device)
    saved = SavedTensors(model_copy)
    with torch.enable_grad(), device, saved:
        model_copy(*arguments.args, **arguments.kwargs)
    return saved.total


def _storage(tensor: Tensor) -> int:
    """Return an identifier of the tensor's storage. Storages on the meta device have no address."""
    identifier: int = tensor.untyped_storage()._cdata  # noqa: SLF001
    return identifier


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
