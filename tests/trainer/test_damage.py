"""Damage to the newest checkpoint: reported, and the one before it is gone on from."""

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.run import Run
from fashion_tui.trainer.checkpoints import Checkpoints, newest_checkpoint

from .faults import Fault, RecordFault
from .test_parts import open_log
from .trainers import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with checkpoints of its steps 1 and 2."""
    path = make_run(tmp_path_factory.mktemp("runs"))
    images = Images(torch.zeros(128, 1, 28, 28, dtype=torch.uint8), torch.zeros(128, dtype=torch.int64))
    training = Training(path.config.recipe, images, device=torch.device("cpu"), seed=0)
    checkpoints = Checkpoints(path, training, open_log(path), every=60, is_saved=False)
    for _ in training.steps():
        assert checkpoints.save("asked")
    return path


def newest_file(run: Run) -> Path:
    return run.path / "checkpoints" / "step-2.pt"


def sections(file: Path) -> dict[str, range]:
    """Where the parts of the file lie: each of its records, with the header, and the table of contents."""
    with zipfile.ZipFile(file) as archive:
        records, table = sorted(archive.infolist(), key=lambda record: record.header_offset), archive.start_dir
    begins = [*(record.header_offset for record in records), table, file.stat().st_size]
    names = [*(record.filename for record in records), "table of contents"]
    return {name: range(begin, end) for name, begin, end in zip(names, begins[:-1], begins[1:], strict=True)}


def damaged(run: Run, content: bytes) -> None:
    """Goes on from the checkpoint before, and says why."""
    newest = newest_file(run)
    good = newest.read_bytes()
    newest.write_bytes(content)
    told: list[str] = []
    try:
        found = newest_checkpoint(run, told.append)
    finally:
        newest.write_bytes(good)
    assert found is not None
    assert found.file == "step-1.pt"
    assert found.training["step_in_epoch"] == 1
    assert len(told) == 1
    assert "step-2.pt" in told[0]


def flips(file: Path, of_each: int) -> Iterator[bytes]:
    """The file with one bit changed, so many times in each section."""
    rng, content = random.Random(3), file.read_bytes()
    for places in sections(file).values():
        for _ in range(of_each):
            changed = bytearray(content)
            changed[rng.choice(places)] ^= 1 << rng.randrange(8)
            yield bytes(changed)


def cuts(file: Path, count: int) -> Iterator[bytes]:
    """The beginning of the file, so many times."""
    rng, content = random.Random(4), file.read_bytes()
    return (content[: rng.randrange(len(content))] for _ in range(count))


def test_a_bit_that_flips_in_any_section(run: Run) -> None:
    assert run.checkpoints.steps() == [2, 1]
    for content in flips(newest_file(run), 1):
        damaged(run, content)


def test_a_file_that_was_cut_short(run: Run) -> None:
    for content in (b"", *cuts(newest_file(run), 5)):
        damaged(run, content)


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["a flipped bit", "a cut"])
def test_damage_many_times(run: Run, fault: str, record_fault: RecordFault) -> None:
    file = newest_file(run)
    contents = list(flips(file, 10)) if fault == "a flipped bit" else list(cuts(file, 200))
    for content in contents:
        damaged(run, content)
    record_fault(Fault(f"{fault} in the newest checkpoint", len(contents), len(contents), 0, 0))
