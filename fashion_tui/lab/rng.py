"""Seed, save and restore the global random number generators, and derive generators from a seed.

Weights, dropout and custom models draw from the global generators of Python, NumPy and torch. Shuffling and
augmentation don't use these generators. Their random numbers depend only on the seed, the epoch and the image's index.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import numpy as np
import torch

CPU = torch.device("cpu")


class Purpose(IntEnum):
    """A purpose for which random numbers are drawn. The same seed gives different numbers for each purpose."""

    SHUFFLE = 0
    DRAWING = 1
    FLIP = 2
    CROP = 3
    ERASE = 4
    FOLDS = 5
    SMOOTH_GRAD = 6
    CORRUPTION = 7


def generator_for(seed: int, purpose: Purpose, *indices: int) -> torch.Generator:
    """Return a CPU generator whose numbers depend only on these arguments.

    `seed` is any 64-bit integer. `indices`, such as the epoch, must not be negative.

    torch's Mersenne Twister uses only 32 bits of a seed, and sums such as `seed + epoch` would make epoch 1 of seed 0
    equal to epoch 0 of seed 1. NumPy's `SeedSequence` therefore mixes all arguments into 32 well-distributed bits.
    """
    sequence = np.random.SeedSequence(entropy=seed % 2**64, spawn_key=(purpose, *indices))
    return torch.Generator().manual_seed(int(sequence.generate_state(1)[0]))


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch (on all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - custom models draw from the global generator
    torch.manual_seed(seed)


def rng_state(device: torch.device) -> dict[str, Any]:
    """Return the state of the global generators, including the generator of `device`, as tensors and plain values."""
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002
    numpy_state["state"]["key"] = numpy_state["state"]["key"].tolist()
    state = {"python": random.getstate(), "numpy": numpy_state, "torch": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    """Set the global generators to a state returned by `rng_state`."""
    random.setstate(state["python"])
    numpy_state = state["numpy"] | {"state": {**state["numpy"]["state"]}}
    numpy_state["state"]["key"] = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state(numpy_state)  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    if device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


@contextmanager
def preserve_rng_state(device: torch.device = CPU) -> Iterator[None]:
    """Restore the state of the global generators, including the generator of `device`, on exit."""
    state = rng_state(device)
    try:
        yield
    finally:
        set_rng_state(state, device)
