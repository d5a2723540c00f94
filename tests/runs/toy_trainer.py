"""A trainer without a network that writes the same files as a real one: `python -m tests.runs.toy_trainer RUN_DIR`.

Every step takes about a millisecond and has the loss `toy_loss(step)`. Environment variables: TOY_STEPS, the number of
steps per epoch, and TOY_EVERY, the number of steps between checkpoints.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import BinaryIO

from fashion_tui.machine.host import boot_id, host_name, process_start_time
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, RequestHandled, Resumed, RunEvent, Stopped, Warned
from fashion_tui.schema.run import RunStatus, State
from tests.runs.parts import finished, started, steps

STEPS_PER_EPOCH = int(os.environ.get("TOY_STEPS", "200"))
CHECKPOINT_EVERY = int(os.environ.get("TOY_EVERY", "40"))
CHUNK = 7


class ToyTrainer:
    def __init__(self, run: Run, epochs: int | None) -> None:
        self.run = run
        self.epochs = epochs or run.config.recipe.epochs
        self.store = run.checkpoints
        self.writer = run.event_writer()
        self.continues = self.writer.is_continued
        self.step = 0
        self.logged = 0
        self.state: State = "running"
        self.last_heartbeat = 0.0

    def train(self) -> None:
        latest = self.store.latest()
        if latest:
            self.step = self.logged = json.loads(self.store.open(latest).read().rstrip(b"."))["step"]
        self.write(started(self.run.id, epochs=self.epochs, steps_per_epoch=STEPS_PER_EPOCH))
        if self.continues:
            self.write(
                Resumed(
                    time=time.time(),
                    step=self.step,
                    epoch=self.step // STEPS_PER_EPOCH,
                    epochs=self.epochs,
                    checkpoint=latest.file if latest else None,
                    pid=os.getpid(),
                )
            )
        self.write_heartbeat()
        while self.step < self.epochs * STEPS_PER_EPOCH:
            self.handle_requests()
            if self.state == "stopped":
                return
            if self.state == "running":
                self.train_step()
            time.sleep(0.001)
        self.save("end")
        self.write(finished(self.run.id, step=self.step, epochs=self.epochs))
        self.state = "finished"
        self.write_heartbeat()

    def train_step(self) -> None:
        self.step += 1
        if self.step - self.logged >= CHUNK:
            self.log()
        if self.step % STEPS_PER_EPOCH == 0:
            self.log()
            self.write(
                EpochEnd(
                    time=time.time(),
                    epoch=self.step // STEPS_PER_EPOCH,
                    step=self.step,
                    train_loss=1.0,
                    train_accuracy=0.5,
                    validation_loss=None,
                    validation_accuracy=None,
                    seconds=1.0,
                )
            )
        if self.step % CHECKPOINT_EVERY == 0:
            self.save("interval")
        if time.monotonic() - self.last_heartbeat > 0.05:
            self.write_heartbeat()

    def log(self) -> None:
        if self.logged < self.step:
            self.write(steps(self.logged + 1, self.step - self.logged))
            self.logged = self.step

    def save(self, reason: str) -> None:
        self.log()
        self.writer.sync()

        def write(file: BinaryIO) -> None:
            file.write(json.dumps({"step": self.step}).encode())
            file.write(b"." * 200_000)

        ref = self.store.save(write, step=self.step, epoch=self.step // STEPS_PER_EPOCH)
        self.write(
            CheckpointSaved(
                time=time.time(),
                step=self.step,
                epoch=ref.epoch,
                file=ref.file,
                bytes=ref.bytes,
                seconds=0.0,
                reason=reason,
            )
        )

    def handle_requests(self) -> None:
        for request in self.run.control.pending():
            if request.action in {"checkpoint", "stop"}:
                try:
                    self.save("asked")
                except OSError as error:
                    self.write(Warned(time=time.time(), message=f"no checkpoint: {error.strerror}"))
                    self.run.control.finish(request)
                    continue
            self.state = {"pause": "paused", "resume": "running", "stop": "stopped"}.get(request.action, self.state)  # type: ignore[assignment]
            self.write(RequestHandled(time=time.time(), action=request.action, request=request.id, step=self.step))
            self.run.control.finish(request)
            if self.state == "stopped":
                self.write(Stopped(time=time.time(), step=self.step, epoch=0, reason="asked"))
            self.write_heartbeat()

    def write(self, event: RunEvent) -> None:
        self.writer.write(event)

    def write_heartbeat(self) -> None:
        self.last_heartbeat = time.monotonic()
        self.run.write_status(
            RunStatus(
                state=self.state,
                step=self.step,
                steps_per_epoch=STEPS_PER_EPOCH,
                epoch=self.step // STEPS_PER_EPOCH,
                epochs=self.epochs,
                heartbeat=time.time(),
                pid=os.getpid(),
                pid_started=process_start_time(),
                boot_id=boot_id(),
                host=host_name(),
                test_accuracy=0.9 if self.state == "finished" else None,
            ),
        )


def main() -> None:
    epochs = int(sys.argv[3]) if sys.argv[2:3] == ["--epochs"] else None
    with Run(Path(sys.argv[1])) as run, run.lock():
        ToyTrainer(run, epochs).train()


if __name__ == "__main__":
    main()
