"""Stored audits are found by the SHA-256 of the images, and only if this version of the package stored them."""

from pathlib import Path

import pytest

from fashion_tui.data import audits
from fashion_tui.data.audits import store_audit, stored_audit
from fashion_tui.schema.audit import Audit, Finding, LabelledImage
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

REF = DatasetRef(name="folder", directory="/photos", sha256="ab" * 32, image_size=32, fit="pad")
FINDING = Finding(kind="label", images=(LabelledImage(split="test", index=3, label=1),), score=0.75, suggested=0)
AUDIT = Audit(ref=REF, classes=("a", "b"), images=9, findings=(FINDING,), accuracy=0.5)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "fashion-tui" / "audits"


def test_an_audit_is_found_by_the_hash_of_the_images() -> None:
    assert stored_audit(REF) is None
    store_audit(AUDIT)
    assert stored_audit(REF) == AUDIT
    assert stored_audit(DatasetRef(name="folder", directory="/photos", sha256="cd" * 32)) is None


def test_the_audit_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(audits, "__version__", "0.0.1")
        store_audit(AUDIT)
        assert stored_audit(REF) == AUDIT
    assert stored_audit(REF) is None
    store_audit(AUDIT)
    assert stored_audit(REF) == AUDIT


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 9999])
def test_a_damaged_file_counts_as_no_audit(state: Path, content: bytes) -> None:
    store_audit(AUDIT)
    (file,) = state.iterdir()
    file.write_bytes(content)
    assert stored_audit(REF) is None


def test_a_folder_that_cannot_be_written_is_reported(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_bytes(b"a file")
    with pytest.raises(UserError, match="can't write"):
        store_audit(AUDIT)
