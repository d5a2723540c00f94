"""The benchmark: the guide's training loop, the contenders, the `bench` command and its terminal."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torchvision
from torchvision import transforms

from fashion_tui.bench.contenders import Contender, find_contenders
from fashion_tui.bench.terminal import TerminalProgram
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.guide_loop import GuideLoop, PILDataset
from fashion_tui.schema.bench import GUIDE_LOOP, BenchReport
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, GUIDE
from fashion_tui.schema.errors import UsageError, UserError

APP = (sys.executable, "-m", "fashion_tui")
CPU = torch.device("cpu")
OPERATIONS_OF_GUIDE = 6 * (28 * 28 * 12 * 25 + 14 * 14 * 20 * 12 * 25 + 980 * 200 + 200 * 10)
"""Operations that the guide's network needs to train on one image: six for each multiplication with a weight."""


@pytest.mark.real_data
def test_guide_loop_reads_the_same_images_as_torchvision(real_data: Path) -> None:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    theirs = torchvision.datasets.FashionMNIST(str(real_data), train=False, transform=transform)
    ours = PILDataset(Images(theirs.data.unsqueeze(1), theirs.targets))
    assert len(ours) == len(theirs)
    for index in (0, 1, 9_999):
        image, label = ours[index]
        their_image, their_label = theirs[index]
        assert torch.equal(image, their_image)
        assert label == their_label


def test_guide_loop_trains_the_guides_network_on_every_image_once() -> None:
    images = Images(*draw(200, seed=0))
    loop = GuideLoop(images, device=CPU, seed=3)
    assert list(loop.epoch()) == [32] * 6 + [8]
    torch.manual_seed(3)
    untrained = GuideNet()
    assert all(
        not torch.equal(after, before)
        for after, before in zip(loop.model.parameters(), untrained.parameters(), strict=True)
    )


def test_operations_of_a_contender() -> None:
    assert Contender("guide", GUIDE).operations() == OPERATIONS_OF_GUIDE


def test_contenders_are_found_by_name() -> None:
    assert [contender.name for contender in find_contenders((GUIDE_LOOP, "quick"))] == [GUIDE_LOOP, "quick"]
    with pytest.raises(UsageError, match="'fast'"):
        find_contenders(("fast",))


def bench(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*APP, "bench", "--dataset", "synthetic", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=150)


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.covers("bench --json", "bench --save", "bench --recipe", "bench --accuracy")
def test_bench_measures_all_recipes_and_saves_the_report(tmp_path: Path) -> None:
    result = bench("--rounds", "1", "--no-app", "--json", "--save", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["device"]
    assert report["trained"] == []
    assert [speed["name"] for speed in report["results"]] == [GUIDE_LOOP, *CPU_RECIPES]
    speeds = {speed["name"]: speed["images_per_second"] for speed in report["results"]}
    assert all(speed > 0 for speed in speeds.values())
    assert report["ratio"] == pytest.approx(speeds["guide"] / speeds[GUIDE_LOOP])
    guide = next(speed for speed in report["results"] if speed["name"] == "guide")
    peak = report["peak_gflops"]["fp32"] * 1e9
    assert guide["share_of_peak"] == pytest.approx(guide["images_per_second"] * OPERATIONS_OF_GUIDE / peak)
    (saved,) = (tmp_path / "assets/benchmarks").iterdir()
    assert json.loads(saved.read_text()) == report
    assert set(BenchReport.__struct_fields__) == set(report)


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--rounds", "0"), 2, "rounds is 0"),
        (("--accuracy", "-1"), 2, "seeds is -1"),
        (("--recipe", "fast"), 2, "'fast'"),
        (("--device", "gpu"), 2, "'gpu'"),
        (("--device", "cuda:99"), 1, "cuda:99"),
        (("--threads", "0"), 2, "threads is 0"),
        (("--save",), 1, "assets/benchmarks"),
    ],
)
def test_invalid_options_are_reported_in_one_line(
    tmp_path: Path, options: tuple[str, ...], status: int, message: str
) -> None:
    """Options are checked before the data set is found, and so before anything is started."""
    (tmp_path / "assets").touch()  # a file instead of the folder in which reports are saved
    result = bench(*options, "--data", str(tmp_path / "missing"), folder=tmp_path)
    assert result.returncode == status
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_terminal_program_waits_for_output_and_ends_the_program() -> None:
    command = ["/bin/sh", "-c", "printf 'ready\\033[31m now'; read x; echo got $x; sleep 60"]
    with TerminalProgram(command, {"PATH": "/bin"}) as program:
        assert program.wait_for_output("ready now", 10) > program.started
        pressed = time.perf_counter()
        program.press(*"abc", "enter")
        assert program.wait_for_output("got abc", 10) > pressed
        with pytest.raises(UserError, match="'never'"):
            program.wait_for_output("never", 0.2)
    assert not program.process.is_running()


def test_terminal_program_reports_that_the_program_ended() -> None:
    with TerminalProgram(["/bin/echo", "done"], {}) as program:
        program.wait_for_output("done", 10)
        with pytest.raises(UserError, match="ended before it wrote 'never'"):
            program.wait_for_output("never", 10)


def test_terminal_program_measures_the_time_to_the_first_output() -> None:
    command = ["/bin/sh", "-c", "stty -icanon -echo; echo ready; while read -r -n 1 key; do sleep 0.1; echo $key; done"]
    with TerminalProgram(["/bin/bash", *command[1:]], {"PATH": "/bin:/usr/bin"}) as program:
        program.wait_for_output("ready", 10)
        latencies = program.latency("z", 3)
        assert len(latencies) == 3
        assert all(latency >= 0.1 for latency in latencies)
