"""Which device a word means, and what is said where it can't be had."""

import subprocess
import sys

import psutil
import pytest
import torch

from fashion_tui.lab.devices import choose_device, devices
from fashion_tui.schema.errors import UsageError, UserError


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    first = devices()[0]
    assert (first.name, first.memory) == ("cpu", psutil.virtual_memory().total)
    assert "core" in first.description


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("word", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "cuda:0 "])
def test_other_words_are_wrong_usage(word: str) -> None:
    with pytest.raises(UsageError, match="there is: auto, cpu, cuda, cuda:N, mps"):
        choose_device(word)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("word", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_without_a_gpu_says_what_to_do(word: str) -> None:
    with pytest.raises(UserError, match=f"device is '{word}', but .*; use --device cpu"):
        choose_device(word)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="has an Apple GPU")
def test_mps_elsewhere_says_what_to_do() -> None:
    with pytest.raises(UserError, match="use --device cpu"):
        choose_device("mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_looking_makes_no_cuda_context() -> None:
    code = (
        "import torch, fashion_tui.lab.devices as d; d.devices(); free, total = 0, 0\n"
        "import ctypes; driver = ctypes.CDLL('libcuda.so.1'); flags, active = ctypes.c_uint(), ctypes.c_int()\n"
        "driver.cuDevicePrimaryCtxGetState(0, ctypes.byref(flags), ctypes.byref(active)); print(active.value)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "0"
