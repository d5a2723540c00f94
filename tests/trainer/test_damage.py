"""If any part of the newest checkpoint is damaged, the trainer reports it and resumes from the previous one."""

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fashion_tui.lab.training.loop import Training
from fashion_tui.runs import checkpoints as stored_checkpoints
from fashion_tui.runs.run import Run
from fashion_tui.trainer.checkpoints import CheckpointSaver, load_newest_checkpoint

from .fault_table import Fault, RecordFault
from .in_process import BLACK, open_log
from .trainers import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with checkpoints of steps 1 and 2."""
    run = make_run(tmp_path_factory.mktemp("runs"))
    saver = CheckpointSaver(run, training_of(run, 128), open_log(run), period=60, is_saved=False)
    for _ in saver.training.steps():
        assert saver.save("asked")
    return run


def training_of(run: Run, count: int) -> Training:
    """Return a training with `count` black images; 64 are a batch."""
    return Training(run.config.recipe, BLACK[:count], device=torch.device("cpu"), seed=0)


def newest_file(run: Run) -> Path:
    return run.path / "checkpoints" / "step-2.pt"


def sections(file: Path) -> dict[str, range]:
    """Return the byte range of each section of the file: the records with their headers, and the table of contents."""
    with zipfile.ZipFile(file) as archive:
        records, table = sorted(archive.infolist(), key=lambda record: record.header_offset), archive.start_dir
    starts = [*(record.header_offset for record in records), table, file.stat().st_size]
    names = [*(record.filename for record in records), "table of contents"]
    return {name: range(start, stop) for name, start, stop in zip(names, starts[:-1], starts[1:], strict=True)}


def assert_detected(run: Run, content: bytes) -> None:
    """Assert that the previous checkpoint is loaded if the newest one has this content."""
    newest = newest_file(run)
    intact = newest.read_bytes()
    newest.write_bytes(content)
    warnings: list[str] = []
    try:
        checkpoint = load_newest_checkpoint(run, warnings.append)
    finally:
        newest.write_bytes(intact)
    assert checkpoint is not None
    assert checkpoint.file == "step-1.pt"
    assert checkpoint.training["step_in_epoch"] == 1
    assert len(warnings) == 1
    assert "step-2.pt" in warnings[0]


def flipped(file: Path, per_section: int) -> Iterator[bytes]:
    """Yield the content with one flipped bit, several times for each section."""
    rng, content = random.Random(3), file.read_bytes()
    for offsets in sections(file).values():
        for _ in range(per_section):
            changed = bytearray(content)
            changed[rng.choice(offsets)] ^= 1 << rng.randrange(8)
            yield bytes(changed)


def truncated(file: Path, count: int) -> Iterator[bytes]:
    """Yield the content truncated at random lengths."""
    rng, content = random.Random(4), file.read_bytes()
    return (content[: rng.randrange(len(content))] for _ in range(count))


def test_a_flipped_bit_in_any_section_is_detected(run: Run) -> None:
    assert run.checkpoints.steps() == [2, 1]
    for content in flipped(newest_file(run), 1):
        assert_detected(run, content)


def test_a_truncated_file_is_detected(run: Run) -> None:
    for content in (b"", *truncated(newest_file(run), 5)):
        assert_detected(run, content)


def test_no_later_checkpoint_is_loaded_if_torch_cannot_read_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer that resumed from step 1 was killed after it saved step 2 again, before it removed step 3."""
    run = make_run(tmp_path)
    saver = CheckpointSaver(run, training_of(run, 192), open_log(run), period=60, is_saved=False)
    monkeypatch.setattr(stored_checkpoints, "_remove", lambda *_: None)
    for _ in saver.training.steps():
        assert saver.save("asked")
    saved = run.checkpoints.save(lambda file: torch.save([], file), step=2, epoch=0)
    assert run.checkpoints.steps() == [3, 2, 1]
    warnings: list[str] = []
    checkpoint = load_newest_checkpoint(run, warnings.append)
    assert checkpoint is not None
    assert checkpoint.file == "step-1.pt"
    assert len(warnings) == 1
    assert saved.file in warnings[0]


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["flipped bit", "truncation"])
def test_many_damaged_files_are_detected(run: Run, fault: str, record_fault: RecordFault) -> None:
    file = newest_file(run)
    contents = list(flipped(file, 10)) if fault == "flipped bit" else list(truncated(file, 200))
    for content in contents:
        assert_detected(run, content)
    record_fault(Fault(f"{fault} in the newest checkpoint", len(contents), len(contents), 0, 0))
