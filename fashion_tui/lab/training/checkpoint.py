"""What stands in a checkpoint's file: the state of a `Training`, and a few words of the trainer's own beside it."""

import pickle
from typing import Any, BinaryIO

import torch
from torch import Tensor

from fashion_tui.schema.errors import UserError


class BadCheckpoint(UserError):
    """The file can't be read, or holds more than tensors and plain values: refused, and nothing in it is run."""


def write_checkpoint(file: BinaryIO, training: dict[str, Any], trainer: dict[str, Any]) -> None:
    """Writes the state of a `Training` and the trainer's notes: tensors, numbers, texts, lists and dicts."""
    torch.save({"training": training, "trainer": trainer}, file)


def read_checkpoint(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two parts that `write_checkpoint` was given, on the CPU; BadCheckpoint where the file isn't such a one."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        return _as_now(content["training"]), content["trainer"]
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadCheckpoint(f"{file.name} is no checkpoint of fashion-tui: {reason[0]}") from error


def _as_now(training: dict[str, Any]) -> dict[str, Any]:
    """Checkpoints of version 0.1 of this package: one optimiser, its settings beside its state."""
    if "optimizer" in training:
        training["optimizers"] = [training.pop("optimizer")]
    training["optimizers"] = [one.get("state", one) for one in training.get("optimizers", [])]
    return training


def final_weights(training: dict[str, Any]) -> dict[str, Tensor]:
    """The weights to evaluate and to export, out of the state of a `Training`."""
    weights: dict[str, Tensor] = training["model"]
    return weights
