"""The last audit of each data set, kept in the platform's state directory, because an audit takes up to a minute."""

from pathlib import Path

import msgspec
import platformdirs

from fashion_tui import __version__
from fashion_tui.files import make_private_folder, read_limited, write_atomically
from fashion_tui.schema.audit import Audit
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

MAX_BYTES = 256 << 20
"""Maximum size of a file, in bytes. An audit with a million findings is smaller."""


class _StoredAudit(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    """Version of the package that made the audit. Another version may have different findings."""
    audit: Audit


def stored_audit(dataset: DatasetRef) -> Audit | None:
    """Return the stored audit of a data set with the same SHA-256, or None if this version of the package made none."""
    try:
        stored = msgspec.json.decode(read_limited(_file(dataset), MAX_BYTES), type=_StoredAudit)
    except (OSError, ValueError, RecursionError):
        return None
    return stored.audit if stored.version == __version__ else None


def store_audit(audit: Audit) -> None:
    """Store an audit, replacing an earlier one of the same data set. Raises UserError if it can't be written."""
    file = _file(audit.ref)
    try:
        make_private_folder(file.parent)
        write_atomically(file, msgspec.json.encode(_StoredAudit(version=__version__, audit=audit)), durable=False)
    except OSError as error:
        raise UserError(f"can't write {str(file)!r}: {error.strerror or error}") from error


def _file(dataset: DatasetRef) -> Path:
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "audits" / f"{dataset.sha256}.json"
