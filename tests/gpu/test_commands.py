"""Commands on a machine with a GPU."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from .conftest import Record

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

WIDE_NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 4096),
            nn.ReLU(), nn.Linear(4096, 10),
        )

    def forward(self, x):
        return self.body(x)
"""

FILL = """
import sys, torch
free, _ = torch.cuda.mem_get_info(0)
block = torch.empty(free - 300 * 2**20, dtype=torch.uint8, device="cuda:0")
print("full", flush=True)
sys.stdin.read()
"""


def call(*arguments: object, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    import os  # noqa: PLC0415 - only for the environment

    done = subprocess.run(
        [sys.executable, "-m", "fashion_tui", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.mark.parametrize("model", ["quick", "strong", "custom"])
def test_compiled_training(model: str, tmp_path: Path, record: Record) -> None:
    """`--compile` works with the TF32 settings, and training isn't slower with it."""
    file = tmp_path / "net.py"
    file.write_text(WIDE_NET)
    choice = ("--model", f"{file}:Net") if model == "custom" else ("--recipe", model)
    speeds = {}
    for option in ("", "--compile"):
        done = call(
            *("train", *choice, "--dataset", "synthetic", "--epochs", 20, "--batch-size", 250, "--device", "cuda"),
            *("--json", "--runs", tmp_path / "runs", *([option] if option else [])),
        )
        speeds[option] = json.loads(done.stdout.splitlines()[-1])["images_per_second"]
    record(
        f"{model}: speed, compiled / not compiled",
        f"{speeds['--compile'] / speeds['']:.2f}",
        "≥ 1, excluding compilation",
    )


def test_doctor_names_the_gpu_or_the_reason(device: torch.device, tmp_path: Path) -> None:
    checks = json.loads(call("doctor", "--json").stdout)["checks"]
    (gpu,) = (check for check in checks if check["name"] == f"device: {device}")
    assert gpu["ok"]
    assert torch.cuda.get_device_name(device) in gpu["detail"]
    checks = json.loads(call("doctor", "--json", CUDA_VISIBLE_DEVICES="").stdout)["checks"]
    (gpu,) = (check for check in checks if check["name"] == "device: cuda")
    assert not gpu["ok"]
    assert "CUDA_VISIBLE_DEVICES" in gpu["detail"]
    refused = call("train", "--device", "cuda", "--runs", tmp_path, status=1, CUDA_VISIBLE_DEVICES="")
    assert refused.stderr.count("\n") == 1
    assert "CUDA_VISIBLE_DEVICES" in refused.stderr


@pytest.fixture
def full_gpu() -> Iterator[None]:
    """Take all but 300 MiB of the first GPU's memory in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", FILL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "full\n"
        yield
        process.terminate()


@pytest.mark.gpu_full
def test_a_full_gpu_is_explained(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    small = ("--dataset", "synthetic", "--epochs", 1, "--device", "cuda:0", "--runs", tmp_path)
    call("train", *small)
    request.getfixturevalue("full_gpu")
    failed = call("train", "--recipe", "max", *small, status=1)
    assert "are free" in failed.stderr
    assert "another device" in failed.stderr
    call("eval", "latest", "--runs", tmp_path, "--checkpoint", "final")


@pytest.mark.gpu_full
def test_benchmark(tmp_path: Path, record: Record) -> None:
    done = call("bench", "--device", "cuda", "--rounds", 3, "--json")
    record("bench --json", f"{len(done.stdout)} characters; run `fashion-tui bench --device cuda --save`", "")
