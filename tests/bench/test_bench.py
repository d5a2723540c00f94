"""The benchmark: its baseline is the guide's loop, its figures come from what was trained, its command keeps them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import torch
import torchvision
from torchvision import transforms

from fashion_tui.bench.guide_loop import GuideLoop, Pictures
from fashion_tui.bench.roads import Road, roads
from fashion_tui.bench.screen import Screen
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.networks.builtin import GuideNet
from fashion_tui.schema.bench import GUIDE_LOOP, BenchReport
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import GUIDE, RECIPES

APP = (sys.executable, "-m", "fashion_tui")
CPU = torch.device("cpu")


@pytest.mark.real_data
def test_its_pictures_are_torchvisions(real_data: Path) -> None:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    theirs = torchvision.datasets.FashionMNIST(str(real_data), train=False, transform=transform)
    ours = Pictures(Images(theirs.data.unsqueeze(1), theirs.targets))
    assert len(ours) == len(theirs)
    for place in (0, 1, 9_999):
        image, label = ours[place]
        their_image, their_label = theirs[place]
        assert torch.equal(image, their_image)
        assert label == their_label


def test_its_steps_train_the_guides_network_on_every_picture_once() -> None:
    images = Images(*draw(200, seed=0))
    loop = GuideLoop(images, device=CPU, seed=3)
    assert list(loop.epoch()) == [32] * 6 + [8]
    torch.manual_seed(3)
    before = GuideNet()
    assert all(
        not torch.equal(now, then) for now, then in zip(loop.model.parameters(), before.parameters(), strict=True)
    )


def test_a_road_counts_the_arithmetic_of_its_network() -> None:
    macs = 28 * 28 * 12 * 25 + 14 * 14 * 20 * 12 * 25 + 980 * 200 + 200 * 10
    assert Road("guide", GUIDE).operations() == 6 * macs


def test_unknown_recipes_are_told() -> None:
    assert [road.name for road in roads((GUIDE_LOOP, "quick"), CPU)] == [GUIDE_LOOP, "quick"]
    with pytest.raises(UsageError, match="no recipe is called 'fast'"):
        roads(("fast",), CPU)


def bench(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*APP, "bench", "--dataset", "synthetic", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=150)


def test_the_command_measures_and_keeps(tmp_path: Path) -> None:
    ran = bench("--rounds", "1", "--no-app", "--json", "--save", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["device"]
    assert [one["name"] for one in answer["results"]] == [GUIDE_LOOP, *RECIPES]
    speeds = {one["name"]: one["images_per_second"] for one in answer["results"]}
    assert all(speed > 0 for speed in speeds.values())
    assert answer["ratio"] == pytest.approx(speeds["guide"] / speeds[GUIDE_LOOP])
    assert all(0 < one["share_of_peak"] < 1 for one in answer["results"])
    (kept,) = (tmp_path / "assets/benchmarks").iterdir()
    assert json.loads(kept.read_text()) == answer
    assert set(BenchReport.__struct_fields__) == set(answer)


def test_whole_trainings_are_told_with_what_comes_before_and_after(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = bench("--rounds", "1", "--recipe", "quick", "--accuracy", "1", "--no-app", "--json", folder=tmp_path)
    took = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    report = msgspec.json.decode(ran.stdout, type=BenchReport)
    assert [one.name for one in report.trained] == [GUIDE_LOOP, "quick"]
    for one in report.trained:
        assert one.accuracies[0] > 0.5
        assert 0 < one.first_step_seconds[0] < one.train_seconds[0]
        assert one.evaluation_seconds[0] > 0
    (result,) = report.waiting
    assert result.name == "train --recipe quick, to its result"
    assert 0.5 < result.seconds[0] < took, "it imports torch, which alone takes longer"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--rounds", "0"), 2, "rounds is 0"),
        (("--accuracy", "-1"), 2, "seeds is -1"),
        (("--recipe", "fast"), 2, "no recipe is called 'fast'"),
        (("--device", "gpu"), 2, "no device is called 'gpu'"),
        (("--device", "cuda:99"), 1, "cuda:99"),
        (("--threads", "0"), 2, "threads is 0"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_line(
    tmp_path: Path, options: tuple[str, ...], status: int, words: str
) -> None:
    ran = bench(*options, folder=tmp_path)
    assert ran.returncode == status
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_stopwatch_sees_what_is_painted_and_ends_what_it_started() -> None:
    with Screen(
        ["/bin/sh", "-c", "printf 'ready\\033[31m now'; read x; echo got $x; sleep 60"], {"PATH": "/bin"}
    ) as it:
        it.wait_for("ready now", 10)
        pressed = it.press("abc\n")
        assert it.wait_for("got abc", 10) > pressed
        with pytest.raises(UserError, match="didn't paint 'never'"):
            it.wait_for("never", 0.2)
    assert it.process.poll() is not None
