"""Replace random numbers with the means of their distributions, if torch draws them by rejection sampling.

The parameters of such a distribution determine how many numbers torch takes from its generator. If one sample of the
batch changes the parameters, all later samples get other random numbers, as if they depended on the changed sample.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def _poisson(rate: Tensor, *_: Any) -> Tensor:
    return rate.clone()


def _binomial(count: Tensor, probability: Tensor, *_: Any) -> Tensor:
    return count * probability


def _gamma(concentration: Tensor, *_: Any) -> Tensor:
    return concentration.clone()


def _dirichlet(concentration: Tensor, *_: Any) -> Tensor:
    return concentration / concentration.sum(-1, keepdim=True)


_MEANS: Mapping[str, Callable[..., Tensor]] = {
    "aten::poisson": _poisson,
    "aten::binomial": _binomial,
    "aten::_standard_gamma": _gamma,
    "aten::_sample_dirichlet": _dirichlet,
}


class MeansInsteadOfSamples(TorchDispatchMode):
    """A context manager in which these distributions return their means."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.is_used = False
        """Whether a distribution gave its means."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Avoid torch's wrapper of `__torch_dispatch__`. It imports `torch._dynamo`, which takes more than a second."""
        return False

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        packet = getattr(func, "_overloadpacket", None)
        mean = None if packet is None else _MEANS.get(str(packet._qualified_op_name))  # noqa: SLF001
        self.is_used = self.is_used or mean is not None
        return func(*args, **(kwargs or {})) if mean is None else mean(*args)
