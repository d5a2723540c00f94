"""Randomness as arithmetic: a stream of random numbers for every purpose, all of them functions of one seed."""

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers are for. Equal seeds give different numbers for different purposes."""

    SHUFFLE = 0
    DRAWING = 1
    FLIP = 2
    CROP = 3
    ERASE = 4


def generator_for(seed: int, purpose: Purpose, *place: int) -> torch.Generator:
    """A generator on the CPU whose numbers depend on these arguments alone; `place` may be the number of an epoch.

    torch's Mersenne Twister takes 32 bits of a seed, and sums such as `seed + epoch` would make epoch 1 of seed 0 the
    same as epoch 0 of seed 1. So numpy's SeedSequence mixes all of the numbers into 32 well spread bits. Any integer
    of 64 bits is a seed; the numbers of `place` are 0 or more.
    """
    mixed = np.random.SeedSequence(entropy=seed % 2**64, spawn_key=(purpose, *place))
    return torch.Generator().manual_seed(int(mixed.generate_state(1)[0]))
