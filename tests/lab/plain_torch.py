"""Compare shape traces with what plain PyTorch says about the same network."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn
from torch.backends import mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from fashion_tui.lab.trace.tensors import tensors_in
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.shapes import Shape, ShapeTable

BATCHES = (2, 3)

Inputs = Callable[[int, str], Tensor]
"""Called with a batch size and a device; returns the network's input."""


@dataclass
class Plain:
    """What PyTorch says about a network."""

    params: int = 0
    macs: int = 0
    outputs: list[Shape] = field(default_factory=list)
    """Shapes of one sample."""
    modules: list[tuple[str, list[Shape]]] = field(default_factory=list)
    """Path and outputs of each call of a module, in the order in which the calls began."""
    error: Exception | None = None
    failed: str | None = None
    """Path of the innermost module that the error passed through."""


@dataclass(frozen=True)
class Verdict:
    kind: Literal["right", "refused", "wrong"]
    reason: str = ""


def run_plain(make: Callable[[], nn.Module], inputs: Inputs, *, device: str = "cpu") -> Plain:
    """Run a new model with 2 and another with 3 samples, and count the MACs of one sample."""
    plain = Plain()
    passes = [_run(make(), inputs(batch, device), plain) for batch in BATCHES]
    if plain.error is not None:
        return plain
    (outputs, calls), (more_outputs, more_calls) = passes
    plain.outputs = _of_one_sample(outputs, more_outputs)
    plain.modules = [
        (path, _of_one_sample(shapes, more)) for (path, shapes), (_, more) in zip(calls, more_calls, strict=True)
    ]
    plain.macs = _count_macs(make, inputs, device)
    return plain


def _run(model: nn.Module, inputs: Tensor, plain: Plain) -> tuple[list[Shape], list[tuple[str, list[Shape]]]]:
    calls: list[tuple[str, list[Shape]]] = []
    running: list[tuple[str, int]] = []

    def before(path: str) -> Any:
        def hook(*_: Any) -> None:
            running.append((path, len(calls)))
            calls.append((path, []))

        return hook

    def after(_module: nn.Module, _args: Any, result: Any) -> None:
        _, index = running.pop()
        calls[index][1].extend(tuple(tensor.shape) for tensor in tensors_in(result))

    for path, module in model.named_modules():
        if path:
            module.register_forward_pre_hook(before(path))
            module.register_forward_hook(after)
    try:
        result = model(inputs)
    except Exception as error:  # noqa: BLE001 - any error is part of the comparison
        plain.error = error
        plain.failed = running[-1][0] if running else None
        result = None
    plain.params = sum(parameter.numel() for parameter in model.parameters() if not is_lazy(parameter))
    return [tuple(tensor.shape) for tensor in tensors_in(result)], calls


def _of_one_sample(shapes: list[Shape], more: list[Shape]) -> list[Shape]:
    return [_sample_shape(shape, other) for shape, other in zip(shapes, more, strict=True)]


def _sample_shape(shape: Shape, other: Shape) -> Shape:
    """Remove the axis of the batch. Any other axis that grows with the batch gets its size for one sample."""
    sizes = list(zip(shape, other, strict=True))
    if BATCHES in sizes:
        sizes.remove(BATCHES)
    return tuple(size if size == larger else larger - size for size, larger in sizes)


def _count_macs(make: Callable[[], nn.Module], inputs: Inputs, device: str) -> int:
    """Return the MACs of one sample, or half those of two if batch normalisation refuses one."""
    try:
        return _macs_of_batch(make(), inputs(1, device))
    except ValueError:
        return _macs_of_batch(make(), inputs(2, device)) // 2


def _macs_of_batch(model: nn.Module, batch: Tensor) -> int:
    """Return the MACs that FlopCounterMode counts, and those of nn.Bilinear, by hand.

    FlopCounterMode doesn't know the CPU's fused operations for an LSTM and for attention, so they are switched off.
    """
    bilinear = 0

    def count(layer: nn.Bilinear, _args: Any, result: Tensor) -> None:
        nonlocal bilinear
        bilinear += layer.weight.numel() * result.shape[:-1].numel()

    for module in model.modules():
        if isinstance(module, nn.Bilinear):
            module.register_forward_hook(count)
    with mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(batch)
    return int(counter.get_total_flops() // 2) + bilinear


def compare(plain: Plain, trace: Callable[[], ShapeTable]) -> Verdict:
    """Compare what PyTorch says with the result of a shape trace."""
    try:
        table = trace()
    except UserError as refusal:
        return Verdict("refused", str(refusal))
    except Exception as error:  # noqa: BLE001 - an internal failure is never right
        return Verdict("wrong", f"internal failure: {type(error).__name__}: {error}")
    differences = [*_differences(plain, table)]
    return Verdict("wrong", "; ".join(differences)) if differences else Verdict("right")


def _differences(plain: Plain, table: ShapeTable) -> list[str]:
    if (plain.error is None) != (table.error is None):
        return [f"error: {table.error!r} instead of {plain.error!r}"]
    if table.error is not None:
        failed = [row.path for row in table.rows if row.failed and row.is_module]
        found = failed[-1] if failed else None
        wrong_place = found != plain.failed
        return [f"the error is in {found} instead of {plain.failed}"] if wrong_place else []
    leaves = [row for row in table.rows if not row.has_children]
    ours = [(row.path, [*row.outputs]) for row in table.rows if row.is_module and row.path]
    checks = {
        "parameters": (table.total_params, plain.params),
        "MACs": (table.total_macs, plain.macs),
        "outputs": ([*table.outputs], plain.outputs),
        "sum of the rows' parameters": (sum(row.own_params for row in table.rows) + table.unused_params, plain.params),
        "sum of the rows' MACs": (sum(row.macs or 0 for row in leaves), plain.macs),
        "rows of modules": (ours, plain.modules),
        "unknown MACs": ([row.path for row in table.rows if row.macs is None], []),
    }
    return [f"{name}: {found} instead of {right}" for name, (found, right) in checks.items() if found != right]


def format_verdicts(verdicts: dict[str, Verdict]) -> str:
    """Return the number of networks by verdict, and a line for each that isn't right."""
    counts = Counter(verdict.kind for verdict in verdicts.values())
    lines = [
        f"{len(verdicts)} networks: " + ", ".join(f"{counts[kind]} {kind}" for kind in ("right", "refused", "wrong"))
    ]
    lines += [f"  {name}: {one.kind}: {one.reason[:300]}" for name, one in verdicts.items() if one.kind != "right"]
    return "\n".join(lines)
