"""What a step of a network gives for a picture."""

from typing import Any

import torch
from torch import Tensor, nn

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UserError

from .record import Recorder, Step
from .rows import keys_of
from .twin import CPU, twin_of


class _Tap(Recorder):
    """Keeps a copy of what one step gives: what comes after it may change it in place."""

    def __init__(self, twin: nn.Module, path: str, op: str, occurrence: int) -> None:
        super().__init__(twin)
        self._key = path, op, occurrence
        self.kept: Tensor | None = None

    def end_step(self, step: Step, index: int, outputs: list[Tensor], storages: set[int] | None) -> None:
        super().end_step(step, index, outputs, storages)
        if outputs and (step.path, step.op) == self._key[:2] and keys_of(self.steps)[index] == self._key:
            self.kept = outputs[0].clone()


def output_of_step(model: nn.Module, inputs: Tensor, *, path: str, op: str, occurrence: int = 0) -> tuple[Tensor, Any]:
    """What the step gives for the inputs `[N, …]`, and what the network gives; both on the CPU.

    The step is the row of a trace with that path and operation, `occurrence` telling which of several. The network runs
    as it is, in training or evaluation mode, and is left as it was. UserError where the step isn't met.
    """
    twin, inputs = twin_of(model, CPU), inputs.to(CPU)
    tap = _Tap(twin, path, op, occurrence)
    tap.know_input((inputs,))
    with preserve_rng_state(), torch.no_grad(), tap:
        answer = twin(inputs)
    if tap.kept is None:
        raise UserError(f"{path or op} isn't a step of this network on pictures; choose another one")
    return tap.kept, answer
