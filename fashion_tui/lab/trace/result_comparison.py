"""Compare the results of passes that aren't recorded, which are several times as fast as recorded ones."""

from collections.abc import Sequence

from torch import Tensor

from .batch_axis import CallKey
from .differences import add_changes
from .inputs import Arguments
from .mixing_origin import Masks, Outputs, find_mixing_call
from .model_copy import CPU
from .runner import Runner, Variant
from .tensors import tensors_in


class ResultComparison:
    """The values of the results that change with each sample."""

    def __init__(self, original: Outputs, changed: Sequence[Outputs | None], *, is_batch_first: bool) -> None:
        """Compare recorded passes. Each of the `changed` passes has other values for one sample than `original`."""
        self._original = _results_of(original.returned)
        self._is_batch_first = is_batch_first
        self._changed: dict[CallKey, Masks] = {}
        add_changes(self._changed, self._original, [other and _results_of(other.returned) for other in changed])

    def stay_apart(self, runner: Runner, changed: Sequence[Arguments], variant: Variant) -> bool:
        """Run the network on each of the `changed` arguments. Return whether each sample only affects its own results.

        The answer takes the passes of earlier calls of this method into account.
        """
        batch = len(changed)
        if not self._are_apart(batch):
            return False
        # Copy each result at once, because it keeps the copy of the network in memory.
        copies = [copies_of_results(runner.result(CPU, variant, arguments)) for arguments in changed]
        add_changes(self._changed, self._original, [_results_of(tensors) for tensors in copies])
        return self._are_apart(batch)

    def _are_apart(self, batch: int) -> bool:
        return find_mixing_call(self._original, self._changed, batch, is_batch_first=self._is_batch_first) is None


def copies_of_results(result: object) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors_in(result)]


def _results_of(tensors: Sequence[Tensor]) -> Outputs:
    """Return the results of a pass as if each were the output of a call."""
    of_calls: dict[CallKey, list[Tensor]] = {("", "", index): [tensor] for index, tensor in enumerate(tensors)}
    return Outputs(of_calls, results=[*of_calls])
