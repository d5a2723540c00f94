"""The engine's cache of data sets, logits and other results that take long to compute."""

import hashlib
import io
from collections import OrderedDict
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch
from torch import Tensor

from fashion_tui.data.array_cache import ArrayCache
from fashion_tui.data.stored import cache_directory
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.run import CheckpointRef

MAX_LOGITS = 16
"""Number of entries whose logits are kept in memory. The logits of 10,000 images and 10 classes take 400 KB."""

MAX_DISK_BYTES = 256 << 20
"""Maximum size of all logits and results on disk."""

DIGEST_BYTES = hashlib.sha256().digest_size

Result = TypeVar("Result")


class Cache:
    """Keeps data sets in memory, logits in memory and on disk, and other results on disk.

    Entries are identified by keys, which are hashes of everything that determines the result.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Create a cache whose files are in `folder`, by default a folder in the user's cache directory."""
        self._datasets: dict[DatasetRef, Dataset] = {}
        self._logits: OrderedDict[str, Tensor] = OrderedDict()
        self._folder = folder
        self._checkpoints: dict[tuple[Path, str], CheckpointRef] = {}

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Return the data set. Load and verify it if necessary.

        Raises UserError if it is missing or damaged, or if its SHA-256 isn't the one in `ref`.
        """
        if ref not in self._datasets:
            self._datasets[ref] = load(ref)
        return self._datasets[ref]

    def evaluated_checkpoint(self, run_path: Path, step: str) -> CheckpointRef | None:
        """Return the checkpoint that was last remembered for this run and step, or None."""
        return self._checkpoints.get((run_path, step))

    def remember_checkpoint(self, run_path: Path, checkpoint: CheckpointRef) -> None:
        """Remember an evaluated checkpoint, so that its logits can be found after the run has removed its file."""
        self._checkpoints[run_path, str(checkpoint.step)] = checkpoint

    def logits(self, key: str) -> Tensor | None:
        """Return logits, float32 `[N, C]`, if they are cached."""
        if key not in self._logits:
            stored = self._read(f"logits {key}")
            if stored is None:
                return None
            self._remember(key, torch.from_numpy(np.load(io.BytesIO(stored), allow_pickle=False)))
        return self._logits[key]

    def add_logits(self, key: str, logits: Tensor) -> None:
        self._remember(key, logits)
        content = io.BytesIO()
        np.save(content, logits.numpy(), allow_pickle=False)
        self._write(f"logits {key}", content.getvalue())

    def result(self, key: str, kind: type[Result]) -> Result | None:
        """Return a result, a struct of the schema, if it is cached."""
        stored = self._read(f"result {key}")
        try:
            return None if stored is None else msgspec.msgpack.decode(stored, type=kind)
        except msgspec.DecodeError:  # the struct had other fields when the result was stored
            return None

    def add_result(self, key: str, result: msgspec.Struct) -> None:
        self._write(f"result {key}", msgspec.msgpack.encode(result))

    def _remember(self, key: str, logits: Tensor) -> None:
        self._logits[key] = logits
        while len(self._logits) > MAX_LOGITS:
            self._logits.popitem(last=False)

    def _read(self, key: str) -> bytes | None:
        """Return the content that was written for a key, or None if there is none or it is damaged."""
        array = self._files().get(key)
        stored = b"" if array is None else array.tobytes()
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        return content if hashlib.sha256(content).digest() == digest else None

    def _write(self, key: str, content: bytes) -> None:
        stored = hashlib.sha256(content).digest() + content
        self._files().put(key, np.frombuffer(stored, np.uint8))

    def _files(self) -> ArrayCache:
        return ArrayCache(self._folder or cache_directory("results"), MAX_DISK_BYTES)
