"""Checkpoint files: tensors and plain values; anything else is refused."""

import io
import os
import pickle
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import torch
from hypothesis import given, settings

from fashion_tui.lab.training.checkpoint import BadCheckpoint, read_checkpoint, write_checkpoint
from tests.damage import damaged


def checkpoint_bytes() -> bytes:
    buffer = io.BytesIO()
    weights = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7)}
    write_checkpoint(buffer, {"model": weights, "step": 7}, {"epochs": 3, "recent_losses": [0.5, 0.25]})
    return buffer.getvalue()


class Malicious:
    """Creates a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "save", [torch.save, lambda content, file: file.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_code_is_refused_and_not_executed(save: object, tmp_path: Path) -> None:
    assert callable(save)
    save({"training": Malicious(tmp_path / "mark"), "trainer": {}}, tmp_path / "evil.pt")
    with pytest.raises(BadCheckpoint, match="not a fashion-tui checkpoint") as caught:
        read_checkpoint((tmp_path / "evil.pt").open("rb"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", os.urandom(1000)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(BadCheckpoint):
        read_checkpoint((tmp_path / "file.pt").open("rb"))
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(BadCheckpoint):
        read_checkpoint((tmp_path / "list.pt").open("rb"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(max_examples=300)
@given(damaged(checkpoint_bytes()))
def test_a_damaged_checkpoint_raises_no_other_error(content: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with Path(file.name).open("rb") as opened, suppress(BadCheckpoint):
            read_checkpoint(opened)
