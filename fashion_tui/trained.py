"""A run's network with the weights of one of its checkpoints: `lab` and `runs` together.

For the processes that compute, which import torch: the engine and the kernel.
"""

from pathlib import Path

from torch import nn

from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.run import CheckpointRef, RunConfig

from .lab.networks.build import network_for
from .lab.training.checkpoint import final_weights, read_checkpoint
from .schema.models import CustomModel


def find_checkpoint(run_path: Path, config: RunConfig, wanted: str) -> CheckpointRef:
    """`final` (the newest one), `best`, or the one of a step; each checked by its SHA-256."""
    store, damaged = CheckpointStore(run_path), list[str]()
    if wanted == "final":
        found = store.latest(damaged.append)
        absent = "has no checkpoint yet: let it train on, or ask for one with `fashion-tui checkpoint`"
    elif wanted == "best":
        if config.validation == 0:
            raise UserError(
                f"{run_path.name} has no best checkpoint: nothing was held out to choose it by; use final, or train "
                "with --validation N"
            )
        found = store.best(damaged.append)
        absent = "has no best checkpoint yet: its first epoch isn't over"
    elif wanted.isdecimal():
        found = store.at(int(wanted), damaged.append)
        kept = ", ".join(str(step) for step in sorted(store.steps())) or "none"
        absent = f"has no checkpoint of step {wanted}; it keeps: {kept}"
    else:
        raise UsageError(f"checkpoint is {wanted!r}; it must be final, best or a step's number")
    if found is None:
        reason = f"has no such checkpoint that is whole: {'; '.join(damaged)}" if damaged else absent
        raise UserError(f"{run_path.name} {reason}")
    return found


def load_network(file: Path, config: RunConfig, written: CustomModel | None) -> nn.Module:
    """The network on the CPU with the weights of a checkpoint's file: those to evaluate by and to export.

    The code of a `written` one is executed: it comes from `runs.trust.trusted_network`. UserError where the file isn't
    what a trainer writes.
    """
    model = network_for(config.recipe, written)
    training, _ = read_checkpoint(file)
    try:
        model.load_state_dict(final_weights(training))
    except (RuntimeError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file} holds no weights of the network {config.recipe.model}: {reason}") from error
    return model
