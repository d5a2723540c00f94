"""Check whether saved weights fit a network."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from fashion_tui.schema.errors import UserError


class WrongWeights(UserError):
    """Raised when saved weights don't fit a network. The message names the first tensor that doesn't fit."""


def check_weights(state: Mapping[str, object], saved: Mapping[str, Tensor]) -> None:
    """Compare saved weights with the tensors in a network's `state_dict`: their names, shapes and dtypes.

    The precision may differ, for example float64 instead of float32. Raises WrongWeights.
    """
    expected = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    missing = [name for name in expected if name not in saved]
    unknown = [name for name in saved if name not in expected]
    if missing:
        raise WrongWeights(f"it has no {_listed(missing)}")
    if unknown:
        raise WrongWeights(f"the network has no {_listed(unknown)}")
    for name, tensor in expected.items():
        if saved[name].shape != tensor.shape:
            raise WrongWeights(f"the shape of {name} is {[*saved[name].shape]} instead of {[*tensor.shape]}")
        if _kind(saved[name]) != _kind(tensor):
            raise WrongWeights(f"the dtype of {name} is {_dtype(saved[name])} instead of {_dtype(tensor)}")


def _kind(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex()


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _listed(names: Sequence[str]) -> str:
    """Return a list such as `conv1.weight` or `conv1.weight and 7 other tensors`."""
    others = len(names) - 1
    return names[0] + (f" and {others} other tensor{'s' if others > 1 else ''}" if others else "")
