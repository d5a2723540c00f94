"""Count multiply-accumulates (MACs): the products that are summed by convolutions, matrix products and attention.

Most formulas come from `torch.utils.flop_counter`, with two FLOPs per MAC. This module adds formulas for operations
that `flop_counter` doesn't know. Elementwise operations and norms count as 0 MACs. The MACs of custom operations, of
Fourier transforms and of matrix decompositions are unknown.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from .recurrent import recurrent_macs, run_recurrent

Formula = Callable[..., int]
"""Called with the result and the arguments of an operation; returns the MACs."""


class MacCounter(TorchDispatchMode):
    """A context manager that adds the MACs of every operation inside the `with` block to `total`."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Avoid torch's wrapper of `__torch_dispatch__`. It imports `torch._dynamo`, which takes more than a second."""
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self.unknown = 0
        """Number of operations whose MACs are unknown. They add nothing to `total`."""

    def run_recurrent(self, func: Any, *args: Any) -> Any:
        """Run a recurrent layer or cell and count its MACs, but not each of its operations."""
        result = run_recurrent(func, *args)
        self.total += recurrent_macs(func, args)
        return result

    def run_vecdot(self, *args: Any, **kwargs: Any) -> Any:
        """Run `torch.linalg.vecdot` and count its MACs, which autograd would replace with an elementwise product."""
        before = self.total
        result = torch.linalg.vecdot(*args, **kwargs)
        vectors = [*args, *(kwargs[name] for name in ("x", "y") if name in kwargs)]
        self.total = before + math.prod(torch.broadcast_shapes(*(vector.shape for vector in vectors)))
        return result

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula = _formula_of(func)
        if formula is None and _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        if formula is None:
            self.unknown += _is_unknown(func)
        else:
            self.total += formula(result, *args, **kwargs)
        return result


def _is_composite(func: Any) -> bool:
    """Return whether `func` must be decomposed to count its MACs.

    This is the case if `func` consists of other operations and inference mode is enabled. Outside inference mode,
    autograd decomposes such operations.
    """
    if not torch.is_inference_mode_enabled() or not isinstance(func, torch._ops.OpOverload):  # noqa: SLF001
        return False
    key = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)  # noqa: SLF001


# Formulas


def _of_registry(flops: Callable[..., int]) -> Formula:
    return lambda result, *args, **kwargs: flops(*args, **kwargs, out_val=result) // 2


def _matrix_product(result: Tensor, left: Tensor, right: Tensor, *_: Any, **__: Any) -> int:
    """Count the MACs of a product of matrices or vectors. Only the stored values of a sparse matrix are multiplied."""
    if left.layout != torch.strided:
        return int(left._nnz()) * right.shape[-1]  # noqa: SLF001
    return result.numel() * left.shape[-1]


def _added_product(result: Tensor, _bias: Tensor, left: Tensor, right: Tensor, *_: Any, **__: Any) -> int:
    return _matrix_product(result, left, right)


def _summed_products(_result: Tensor, _bias: Tensor, left: Tensor, right: Tensor, **_: Any) -> int:
    """Count the MACs of `addbmm`, which adds the products of all pairs of matrices to one matrix."""
    return left.numel() * right.shape[-1]


def _dot_product(_result: Tensor, left: Tensor, *_: Any) -> int:
    return left.numel()


def _euclidean_distances(result: Tensor, left: Tensor, *_: Any) -> int:
    """Count the matrix product from which torch.cdist computes the distances if there are many points."""
    return result.numel() * left.shape[-1]


def _distances(result: Tensor, left: Tensor, _right: Tensor, norm: float, *_: Any) -> int:
    """Count the squares that are summed for each pair of points. Only Euclidean distances have squares."""
    return result.numel() * left.shape[-1] if norm == 2 else 0


def _trilinear(_result: Tensor, first: Tensor, second: Tensor, third: Tensor, *new_axes: list[int], **_: Any) -> int:
    """Count one MAC for each product of three factors, as in nn.Bilinear: samples · outputs · inputs1 · inputs2."""
    shapes = []
    for tensor, axes in zip((first, second, third), new_axes, strict=False):
        shape = list(tensor.shape)
        for axis in axes:
            shape.insert(axis, 1)
        shapes.append(shape)
    return math.prod(max(sizes) for sizes in zip(*shapes, strict=True))


def _attention(_result: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Count the scores (queries times keys) and the weighted sums of the values.

    There may be fewer heads of keys and values than of queries.
    """
    return math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _convolution(
    result: Tensor, inputs: Tensor, weight: Tensor, _bias: Any, _stride: Any, _padding: Any, _dilation: Any,
    transposed: Any, *_: Any,
) -> int:  # fmt: skip
    """Count one MAC per weight at each position of the window. The formula in `flop_registry` is much slower."""
    positions = (inputs if transposed else result).shape
    return positions[0] * math.prod(positions[2:]) * weight.numel()


def _conv_tbc(result: Tensor, _input: Tensor, weight: Tensor, *_: Any) -> int:
    return result.numel() * weight.shape[0] * weight.shape[1]


def _deformable_convolution(result: Tensor, _input: Tensor, weight: Tensor, *_: Any, **__: Any) -> int:
    return result.numel() * math.prod(weight.shape[1:])


def _quantized_linear(result: Tensor, inputs: Tensor, *_: Any) -> int:
    return result.numel() * inputs.shape[-1]


def _quantized_convolution(result: Tensor, _input: Tensor, packed_weight: Any, *_: Any) -> int:
    return result.numel() * int(math.prod(packed_weight.weight().shape[1:]))


_FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(("aten::mm", "aten::bmm", "aten::mv", "aten::_int_mm", "aten::_sparse_mm"), _matrix_product),
    **dict.fromkeys(("aten::addmm", "aten::baddbmm", "aten::addmv", "aten::_sparse_addmm"), _added_product),
    "aten::addbmm": _summed_products,
    **dict.fromkeys(("aten::dot", "aten::vdot"), _dot_product),
    "aten::_euclidean_dist": _euclidean_distances,
    "aten::_cdist_forward": _distances,
    "aten::_trilinear": _trilinear,
    "aten::convolution": _convolution,
    "aten::conv_tbc": _conv_tbc,
    **dict.fromkeys(
        (
            "aten::_scaled_dot_product_flash_attention_for_cpu", "aten::_scaled_dot_product_flash_attention",
            "aten::_scaled_dot_product_efficient_attention", "aten::_scaled_dot_product_cudnn_attention",
            "aten::_scaled_dot_product_fused_attention_overrideable",
        ),
        _attention,
    ),
    "torchvision::deform_conv2d": _deformable_convolution,
    **dict.fromkeys(
        ("quantized::linear", "quantized::linear_relu", "quantized::linear_dynamic", "quantized::linear_relu_dynamic"),
        _quantized_linear,
    ),
    **dict.fromkeys(
        (f"quantized::conv{axes}d{ending}" for axes in (1, 2, 3) for ending in ("", "_relu", "_dynamic")),
        _quantized_convolution,
    ),
}  # fmt: skip
"""Formulas that `flop_registry` lacks, or that allow more inputs than its formulas, by the operation's name."""

_WITHOUT_PRODUCTS = frozenset({"aten", "prim", "prims", "profiler", "torchvision", "quantized"})
"""Namespaces of operations that count as 0 MACs if they have neither a formula nor an entry in `_UNKNOWN`."""

_UNKNOWN = re.compile(
    r"aten::(_fft_|_?linalg_(?!vector_norm|cross|diagonal|_check_errors)|_?cholesky|lu_|triangular_solve|ormqr|geqrf|_?svd)"
    r"|aten::(quantized_|mkldnn_rnn)|quantized::.*(linear|conv|matmul|lstm|gru|rnn)"
    r"|aten::(linear|matmul|scaled_dot_product_attention)$"  # nested tensors only
)


def _name_of(func: Any) -> str:
    packet = getattr(func, "_overloadpacket", None)
    return str(packet._qualified_op_name) if packet is not None else f"higher_order::{func.name()}"  # noqa: SLF001


@functools.cache
def _formula_of(func: Any) -> Formula | None:
    """Return the formula of an operation, or None if it has none."""
    formula = _FORMULAS.get(_name_of(func))
    flops = flop_registry.get(getattr(func, "_overloadpacket", func))
    return _of_registry(flops) if formula is None and flops is not None else formula


@functools.cache
def _is_unknown(func: Any) -> bool:
    """Return whether an operation without a formula may multiply and add."""
    name = _name_of(func)
    return name.partition("::")[0] not in _WITHOUT_PRODUCTS or _UNKNOWN.match(name) is not None
