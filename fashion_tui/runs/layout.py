"""The files of a run's directory: their names and maximum sizes.

A run may come from another user or machine, so nothing is read without a limit. The limits are far above what a trainer
writes; a run with a larger file counts as damaged.
"""

from fashion_tui.schema.models import MAX_SOURCE_BYTES

CONFIG_FILE = "config.json"
STATUS_FILE = "status.json"
EVENTS_FILE = "events.jsonl"
LOG_FILE = "trainer.log"
LOCK_FILE = "run.lock"
MODEL_FILE = "model.py"
NOTES_FILE = "notes.json"
MODULES_FOLDER = "modules"
"""Folder for the modules that a custom model imports from its folder. Without such modules, it doesn't exist."""
CHECKPOINTS_FOLDER = "checkpoints"
CONTROL_FOLDER = "control"

RUN_FILES = (CONFIG_FILE, STATUS_FILE, EVENTS_FILE)
"""A directory with any of these files is the directory of a run."""

FOLDERS = (CHECKPOINTS_FOLDER, CONTROL_FOLDER)

MAX_LOG_BYTES = 4 << 30
MAX_BYTES = {
    CONFIG_FILE: 1 << 20,
    STATUS_FILE: 1 << 20,
    EVENTS_FILE: MAX_LOG_BYTES,
    LOG_FILE: MAX_LOG_BYTES,
    LOCK_FILE: 4 << 10,
    MODEL_FILE: MAX_SOURCE_BYTES,
}
"""Maximum size of each file, in bytes."""

MAX_NOTES_BYTES = 256 << 10
"""Not in `MAX_BYTES`, because a run whose notes can't be read can still be trained and pruned."""

MAX_POINTER_BYTES = 64 << 10
MAX_CHECKPOINT_BYTES = 64 << 30

MAX_LINE_BYTES = 4 << 20
"""Maximum length of a line of `events.jsonl`, in bytes. A trainer writes a few kilobytes four times a second."""
