"""Write finished runs without training them."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.runs.create import create_run
from fashion_tui.runs.events import encode_line
from fashion_tui.runs.layout import CONFIG_FILE, EVENTS_FILE, STATUS_FILE
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.events import EpochEnd, Finished, RunEvent, StepChunk

EPOCHS = 10
CHUNK_STEPS = 250
"""Number of steps in a line of the log."""


def write_run(runs_directory: Path, name: str, steps: int, *, held_out_loss: float = 0.5) -> Path:
    """Write a finished run of `EPOCHS` epochs, and return its directory.

    `steps` must be a multiple of `EPOCHS`. `held_out_loss` is the loss at the end of the last epoch.
    """
    with create_run(
        runs_directory,
        recipe=msgspec.structs.replace(GUIDE, epochs=EPOCHS),
        dataset=SYNTHETIC_INFO,
        seed=0,
        device="cpu",
        threads=1,
        deterministic=False,
        validation=1000,
        checkpoint_every=30.0,
        name=name,
    ) as run:
        _write_log(run, _events(run, steps, held_out_loss))
        run.write_status(
            msgspec.structs.replace(
                run.read_status(),
                state="finished",
                step=steps,
                steps_per_epoch=steps // EPOCHS,
                epoch=EPOCHS,
                epochs=EPOCHS,
                test_accuracy=0.9,
                train_seconds=steps / 1000,
            )
        )
        return run.path


def write_runs(runs_directory: Path, count: int) -> list[str]:
    """Write finished runs, each newer than the one before. Return their ids."""
    with Run(write_run(runs_directory, "run", EPOCHS)) as template:
        config, status = template.config, template.read_status()
    ids = [template.id]
    for index in range(1, count):
        created = config.created + index
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(created))}-run-{index:04}"
        directory = runs_directory / run_id
        directory.mkdir(mode=0o700)
        changed = msgspec.structs.replace(config, run=run_id, created=created)
        (directory / CONFIG_FILE).write_bytes(msgspec.json.encode(changed))
        (directory / STATUS_FILE).write_bytes(msgspec.json.encode(status))
        with Run(directory) as run:
            _write_log(run, _events(run, EPOCHS, 0.5))
        ids.append(run_id)
    return ids


def _write_log(run: Run, events: Iterator[RunEvent]) -> None:
    lines = (encode_line(run.id, number, event) for number, event in enumerate(events))
    (run.path / EVENTS_FILE).write_bytes(b"".join(lines))


def _events(run: Run, steps: int, held_out_loss: float) -> Iterator[RunEvent]:
    per_epoch = steps // EPOCHS
    for epoch in range(EPOCHS):
        for start in range(0, per_epoch, CHUNK_STEPS):
            first_step, count = epoch * per_epoch + start + 1, min(CHUNK_STEPS, per_epoch - start)
            yield _chunk(first_step, count)
        yield EpochEnd(
            time=time.time(),
            epoch=epoch + 1,
            step=(epoch + 1) * per_epoch,
            train_loss=1.0,
            train_accuracy=0.5,
            validation_loss=held_out_loss + (EPOCHS - 1 - epoch),
            validation_accuracy=0.5,
            seconds=1.0,
        )
    yield Finished(
        time=time.time(),
        run=run.id,
        path=str(run.path),
        step=steps,
        epochs=EPOCHS,
        test_accuracy=0.9,
        test_loss=0.3,
        train_seconds=steps / 1000,
        images_per_second=32_000.0,
    )


def _chunk(first_step: int, count: int) -> StepChunk:
    losses = [
        round(2 / math.sqrt(step) + math.sin(step) / 10 + 0.2, 6) for step in range(first_step, first_step + count)
    ]
    return StepChunk(
        time=time.time(),
        first_step=first_step,
        metrics={
            "loss": [*losses],
            "accuracy": [round(1 - loss / 3, 5) for loss in losses],
            "learning_rate": [1e-3] * count,
        },
    )
