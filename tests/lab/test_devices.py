"""The device for each name, and the errors for unknown and unavailable devices."""

import subprocess
import sys

import psutil
import pytest
import torch

from fashion_tui.lab.devices import choose_device, list_devices
from fashion_tui.schema.errors import UsageError, UserError


def test_cpu_is_always_available() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    first = list_devices()[0]
    assert (first.name, first.memory) == ("cpu", psutil.virtual_memory().total)
    assert "core" in first.description


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cuda:0 "])
def test_unknown_names_are_usage_errors(name: str) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_without_a_gpu_says_what_to_do(name: str) -> None:
    with pytest.raises(UserError, match=f"device is '{name}', but .*; (or )?use --device cpu"):
        choose_device(name)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="has an Apple GPU")
def test_mps_without_an_apple_gpu_says_what_to_do() -> None:
    with pytest.raises(UserError, match="use --device cpu"):
        choose_device("mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_listing_devices_creates_no_cuda_context() -> None:
    code = (
        "import torch, fashion_tui.lab.devices as d; d.list_devices(); d.choose_device('auto')\n"
        "import ctypes; driver = ctypes.CDLL('libcuda.so.1'); flags, active = ctypes.c_uint(), ctypes.c_int()\n"
        "driver.cuDevicePrimaryCtxGetState(0, ctypes.byref(flags), ctypes.byref(active)); print(active.value)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "0"


TRAIN = """
import hashlib, sys, torch
from msgspec.structs import replace
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.devices import set_cpu_threads
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE

(set_cpu_threads if "ours" in sys.argv else torch.set_num_threads)(2)
recipe = replace(GUIDE, batch_size=8, epochs=2, learning_rate=3e-3)
training = Training(recipe, Images(*draw(200, seed=0)), device=torch.device("cpu"), seed=0)
while training.epoch < recipe.epochs:
    for _ in training.steps():
        pass
    training.end_epoch()
    if training.epoch == 1:  # as if the gradients had been 0 for 760 steps; most weights soon have others again
        for state in training.optimizers[0].state.values():
            state["exp_avg"].mul_(0.9**760)
weights = torch.cat([weight.detach().flatten() for weight in training.model.parameters()])
moments = torch.cat([state["exp_avg"].flatten() for state in training.optimizers[0].state.values()])
smallest_normal = torch.finfo(torch.float32).tiny
as_integers = moments.view(torch.int32) & 0x7FFFFFFF
denormal = (as_integers > 0) & (as_integers < torch.tensor(smallest_normal).view(torch.int32))
print(int(denormal.sum()), hashlib.sha256(weights.numpy().tobytes()).hexdigest())
"""


def trained(*arguments: str) -> tuple[int, str]:
    """Train in another process. Return the number of Adam's denormal moments, and the SHA-256 of the weights."""
    done = subprocess.run([sys.executable, "-c", TRAIN, *arguments], capture_output=True, text=True, check=True)
    count, checksum = done.stdout.split()
    return int(count), checksum


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="the CPU can't flush denormals")
def test_denormal_moments_become_0_and_no_weight_changes() -> None:
    plain, ours = trained(), trained("ours")
    assert plain[0] > 1_000
    assert ours == (0, plain[1])
