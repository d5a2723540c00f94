"""Averages of the weights over the steps of a run, and the matching batch normalisation statistics."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Exponential moving average (EMA) of the weights of a network, updated after each step.

    `torch.optim.swa_utils.AveragedModel` computes the same average, but reads its number of updates from the device at
    each step. In a CUDA graph, that is impossible; outside, the CPU would have to wait for the GPU.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Prepare to average the floating-point parameters of `model`, which must already be on their device."""
        self._model = model
        self._parameters = [parameter for parameter in model.parameters() if parameter.is_floating_point()]
        self.averages = [parameter.detach().clone() for parameter in self._parameters]
        """The average of each parameter. These tensors are changed in place."""
        self.statistics: dict[str, Tensor] = {}
        """Batch normalisation buffers computed with the averaged weights, keyed by name, or an empty dict if not yet
        computed."""
        self._replaced: dict[str, Tensor] = {}
        self._update = get_ema_multi_avg_fn(decay)

    def update(self) -> None:
        """Update the average after a step. A CUDA graph can capture this."""
        self._update(self.averages, self._parameters, 0)

    @torch.no_grad()
    def restart(self) -> None:
        """Set the average to the current weights."""
        for average, parameter in zip(self.averages, self._parameters, strict=True):
            average.copy_(parameter)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averages and the statistics, keyed by their names in the network. The tensors aren't copied."""
        by_parameter = dict(zip(self._parameters, self.averages, strict=True))
        parameters = self._model.named_parameters(remove_duplicate=False)  # tied parameters have several names
        weights = {name: by_parameter[parameter] for name, parameter in parameters if parameter in by_parameter}
        return weights | self.statistics

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state returned by `state_dict`."""
        self.statistics = {}
        for name, average in self.state_dict().items():
            average.copy_(state[name])
        buffers = dict(self._model.named_buffers(remove_duplicate=False))
        self.statistics = {name: state[name].to(buffer.device) for name, buffer in buffers.items() if name in state}

    @property
    def replaced(self) -> Mapping[str, Tensor]:
        """The network's own weights and statistics while `applied` replaces them, else an empty mapping."""
        return self._replaced

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the network's weights and statistics by the averaged ones in the `with` block.

        Tensors are replaced in place, because a CUDA graph may use their memory.
        """
        tensors = dict(self._model.named_parameters()) | dict(self._model.named_buffers())
        averaged = {name: tensor for name, tensor in self.state_dict().items() if name in tensors}
        self._replaced = {name: tensors[name].detach().clone() for name in averaged}
        with torch.no_grad():
            for name, tensor in averaged.items():
                tensors[name].copy_(tensor)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in self._replaced.items():
                    tensors[name].copy_(tensor)
            self._replaced = {}


@torch.no_grad()
def batch_norm_statistics(model: nn.Module, batches: Iterable[Tensor]) -> dict[str, Tensor]:
    """Compute the statistics of all batch normalisation layers over batches of images. Return the layers' buffers.

    The model runs in training mode, and its own buffers change, except those of frozen layers, which stay in evaluation
    mode. If it has no other such layers, the batches aren't used. This is what `torch.optim.swa_utils.update_bn` does,
    which would also reset the frozen layers.
    """
    was_training = model.training
    model.train()
    layers = {
        path: module
        for path, module in model.named_modules(remove_duplicate=False)
        if isinstance(module, _BatchNorm) and module.training
    }
    momenta = {path: layer.momentum for path, layer in layers.items()}
    try:
        for layer in layers.values():
            layer.reset_running_stats()
            layer.momentum = None  # the statistics are the means over all batches
        for batch in batches if layers else ():
            model(batch)
    finally:
        for path, layer in layers.items():
            layer.momentum = momenta[path]
        model.train(was_training)
    return {
        f"{path}.{name}" if path else name: buffer.clone()
        for path, layer in layers.items()
        for name, buffer in layer.named_buffers(recurse=False)
    }
