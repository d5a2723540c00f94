"""Measure the gradients, updates and activations of selected training steps. The steps themselves don't change."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .hook import Hook


class StepObserver:
    """Measures selected training steps of a network.

        observer.request(layers=True)
        with observer.observe(step):
            train_step(…)
        step, metrics = observer.take()

    The measurements stay on the device until `take` is called, so that observing a step doesn't synchronise a GPU. A
    layer is a module with parameters of its own, and is identified by its name in the network, such as `conv1`.
    """

    def __init__(self, model: nn.Module, unclipped_norm: Tensor | None = None) -> None:
        """Prepare to measure steps of `model`.

        If the steps clip the gradient, each step must write the gradient's norm before clipping to `unclipped_norm`.
        The measured norms of gradients are then rescaled to their values before clipping.
        """
        self._model = model
        self._unclipped_norm = unclipped_norm
        self._request: Literal["gradient", "layers"] | None = None
        self._measured: _Measurements | None = None

    def request(self, *, layers: bool) -> None:
        """Measure the next step: its gradient and, if `layers` is True, its layers too."""
        self._request = "layers" if layers else "gradient"

    def observe(self, step: int, forward: Callable[[], object] | None = None) -> AbstractContextManager[None]:
        """Return a context manager that measures the training step in its block if it was requested.

        `step` is the number of the step. If the block raises an error, nothing is measured. Pass
        `forward` if forward hooks don't run in this step, as in a captured CUDA graph. It must run the network on the
        batch without side effects. The activations are then measured in this additional pass.
        """
        request, self._request = self._request, None
        return nullcontext() if request is None else self._observe(step, forward, layers=request == "layers")

    @contextmanager
    def _observe(self, step: int, forward: Callable[[], object] | None, *, layers: bool) -> Iterator[None]:
        measured = _Measurements(self._model, step, layers=layers)
        if layers and forward is not None:
            with measured.activations(), suppress(Exception):  # the device may have too little memory for this pass
                forward()
        with measured.activations() if layers and forward is None else nullcontext():
            yield
        measured.finish(self._unclipped_norm)
        self._measured = measured

    def take(self) -> tuple[int, dict[str, float]] | None:
        """Return the last observed step and its metrics. Return None if no step was observed since the last call.

        `gradient_norm` is the norm of the gradient of all parameters, before it is clipped. For each layer,
        `gradient_norm/LAYER` is the norm of its gradient, `update_ratio/LAYER` is log10 of the norm of its update
        divided by the norm of its parameters, and `dead_relus/LAYER` is the share of channels of the ReLUs after the
        layer that are 0 in the whole batch.
        If there are NaN or infinite values, `non_finite/LAYER` is 1 for the first layer that has them.

        On a GPU, this synchronises the device.
        """
        measured, self._measured = self._measured, None
        return None if measured is None else (measured.step, measured.read())


class _Measurements:
    """Measurements of one step, as tensors on the device."""

    def __init__(self, model: nn.Module, step: int, *, layers: bool) -> None:
        """Prepare to measure a step. Call this before the step."""
        self.step = step
        self._model = model
        self._layers = layers
        self._layer_of: dict[Tensor, str] = {}
        """The layer of each parameter, in the order of the layers."""
        for name, module in model.named_modules():
            for parameter in module.parameters(recurse=False):
                if parameter.is_floating_point():
                    self._layer_of.setdefault(parameter, name or type(module).__name__)
        self._before = [parameter.detach().clone() for parameter in self._layer_of] if layers else []
        self._norms: dict[str, dict[str, list[Tensor]]] = {"gradient": {}, "weight": {}, "update": {}}
        """Norms of the gradient, the value and the update of each parameter, by quantity and layer."""
        self._relus: dict[tuple[str, int], Tensor] = {}
        """Sum of each channel of a ReLU, keyed by the layer before the ReLU and the ReLU's index after this layer.

        A sum is 0 only if all values are 0, and is much faster to compute than a maximum or a comparison.
        """
        self._outputs: dict[str, Tensor] = {}
        """Sum of the outputs of each layer. It is finite if all outputs are."""
        self._unclipped_norm: Tensor | None = None

    @contextmanager
    def activations(self) -> Iterator[None]:
        """Measure the outputs of the network's layers and ReLUs in the `with` block.

        Passes in evaluation mode aren't measured.
        """
        layers = dict.fromkeys(self._layer_of.values())
        modules = {name: module for name, module in self._model.named_modules() if name in layers}
        handles = [module.register_forward_hook(Hook(self._output_hook(name))) for name, module in modules.items()]
        handles.append(self._model.register_forward_hook(Hook(self._measure_relus)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def finish(self, unclipped_norm: Tensor | None) -> None:
        """Measure the gradients and updates. Call this after the step. See `StepObserver` for the parameter."""
        self._unclipped_norm = None if unclipped_norm is None else unclipped_norm.clone()
        with torch.no_grad():
            for index, (parameter, layer) in enumerate(self._layer_of.items()):
                if parameter.grad is None or parameter.grad.layout != torch.strided:
                    continue
                self._add("gradient", layer, parameter.grad)
                if self._layers:
                    before = self._before[index]
                    self._add("weight", layer, before)
                    self._add("update", layer, parameter - before)
        self._before = []

    def read(self) -> dict[str, float]:
        """Copy the measurements from the device and return the metrics."""
        norms = {
            quantity: {layer: math.hypot(*_read(tensors)) for layer, tensors in by_layer.items()}
            for quantity, by_layer in self._norms.items()
        }
        gradients = norms["gradient"]
        if self._unclipped_norm is not None and (clipped_norm := math.hypot(*gradients.values())):
            factor = self._unclipped_norm.item() / clipped_norm
            gradients = {layer: factor * norm for layer, norm in gradients.items()}
        metrics = {"gradient_norm": math.hypot(*gradients.values())} if gradients else {}
        if not self._layers:
            return metrics
        metrics |= {f"gradient_norm/{layer}": norm for layer, norm in gradients.items()}
        for layer, update in norms["update"].items():
            metrics[f"update_ratio/{layer}"] = _log10_ratio(update, norms["weight"][layer])
        metrics |= {f"dead_relus/{layer}": share for layer, share in self._dead_relus().items()}
        if (first := self._first_non_finite(gradients)) is not None:
            metrics[f"non_finite/{first}"] = 1.0
        return metrics

    def _add(self, quantity: str, layer: str, tensor: Tensor) -> None:
        norm = torch.linalg.vector_norm(tensor, dtype=torch.float32)
        self._norms[quantity].setdefault(layer, []).append(norm)

    def _output_hook(self, layer: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if self._model.training and isinstance(output, Tensor) and output.is_floating_point():
                with suppress(Exception):  # a custom model may use tensors that can't be measured
                    total = output.detach().sum(dtype=torch.float32)
                    self._outputs[layer] = self._outputs[layer] + total if layer in self._outputs else total

        return hook

    def _measure_relus(self, _model: nn.Module, _inputs: Any, output: Any) -> None:
        """Measure the ReLUs in the autograd graph of a forward pass.

        The graph contains both `nn.ReLU` and `F.relu`, but no ReLU in a compiled network.
        """
        counts: dict[str, int] = {}
        is_measured = self._model.training and isinstance(output, Tensor)
        for node in reversed(list(_graph(output.grad_fn))) if is_measured else ():
            if node.name() != "ReluBackward0":
                continue
            with suppress(Exception):  # a custom model may use tensors that can't be measured
                relu = node._saved_result.detach()  # noqa: SLF001 - the documented name of a saved tensor
                layer = next(self._layer_of[other.variable] for other in _graph(node) if self._is_parameter(other))
                channel = 1 if relu.dim() in {2, 4, 5} else relu.dim() - 1
                total = relu.sum(dim=[dim for dim in range(relu.dim()) if dim != channel], dtype=torch.float32)
                key = layer, counts.get(layer, 0)
                counts[layer] = key[1] + 1
                self._relus[key] = self._relus[key] + total if key in self._relus else total

    def _is_parameter(self, node: Any) -> bool:
        return node.name() == "torch::autograd::AccumulateGrad" and node.variable in self._layer_of

    def _dead_relus(self) -> dict[str, float]:
        channels: dict[str, list[float]] = {}
        for (layer, _), total in self._relus.items():
            channels.setdefault(layer, []).extend(total.tolist())
        return {layer: totals.count(0.0) / len(totals) for layer, totals in channels.items()}

    def _first_non_finite(self, gradients: dict[str, float]) -> str | None:
        """Return the layer in which non-finite values first occurred, or None if all values are finite.

        This is the first layer with a non-finite output. If all outputs are finite, it is the last layer with a
        non-finite gradient, because gradients are computed from the last layer to the first.
        """
        outputs = (layer for layer, total in self._outputs.items() if not math.isfinite(total.item()))
        return next(outputs, None) or next(
            (name for name in reversed(gradients) if not math.isfinite(gradients[name])), None
        )


def _graph(root: Any) -> Iterator[Any]:
    """Yield the nodes of an autograd graph, nearest first."""
    nodes = [] if root is None else [root]
    seen = set(nodes)
    for node in nodes:  # `nodes` grows during the loop
        yield node
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)


def _read(tensors: list[Tensor]) -> list[float]:
    values: list[float] = torch.stack(tensors).tolist()
    return values


def _log10_ratio(numerator: float, denominator: float) -> float:
    """Return log10(numerator / denominator): -inf, inf or NaN if a value is 0 or not finite."""
    if not (math.isfinite(numerator) and math.isfinite(denominator)):
        return math.nan
    if numerator == 0 or denominator == 0:
        return math.nan if numerator == denominator else (-math.inf if numerator == 0 else math.inf)
    return math.log10(numerator) - math.log10(denominator)
