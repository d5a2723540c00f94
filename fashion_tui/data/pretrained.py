"""Download pretrained weights, and find them on this machine.

The files are in the folder that torchvision uses, so that a file is downloaded only once.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fashion_tui.files import make_private_folder
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fine_tuning import PublishedWeights

from .download import BLOCK_SIZE, CONNECT_TIMEOUT, READ_TIMEOUT, DownloadFailed, describe_error


class MissingWeights(UserError):
    """Raised when published weights haven't been downloaded."""


def weights_folder() -> Path:
    """Return the folder for pretrained weights: the one that `torch.hub.load_state_dict_from_url` uses."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def find_weights(source: PublishedWeights) -> Path:
    """Return the path of published weights on this machine, after comparing their SHA-256.

    Raises MissingWeights if the file is missing or damaged.
    """
    path = weights_folder() / source.name
    if not path.is_file():
        raise MissingWeights(f"{source.name} isn't in {path.parent}; {_advice(source)}")
    if not file_sha256(path).startswith(source.sha256):
        raise MissingWeights(f"{path} is damaged: its SHA-256 doesn't begin with {source.sha256}; {_advice(source)}")
    return path


def download_weights(
    source: PublishedWeights, progress: Callable[[int, int], None] | None = None, *, attempts: int = 3
) -> Path:
    """Download published weights unless they are on this machine, verify their SHA-256, and return their path.

    `progress` is called with the number of downloaded bytes and the total number, which is 0 if it is unknown. An
    exception raised by `progress` cancels the download. The download is tried up to `attempts` times, with pauses of
    one second. Raises DownloadFailed.
    """
    try:
        return find_weights(source)
    except MissingWeights:
        folder = weights_folder()
    try:
        make_private_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            path = Path(temporary) / source.name
            _download(source, path, progress or (lambda _done, _total: None), attempts)
            return path.replace(folder / source.name)
    except OSError as error:
        raise DownloadFailed(f"can't write to {folder} ({error.strerror or error}); {_advice(source)}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file. Raises UserError if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"can't read {path}: {error.strerror or error}; check --weights") from error


def _advice(source: PublishedWeights) -> str:
    return f"download {source.url} on any machine, and use --weights FILE"


def _download(source: PublishedWeights, path: Path, progress: Callable[[int, int], None], attempts: int) -> None:
    import requests  # noqa: PLC0415 - takes 0.1 s, and is rarely needed

    reason = ""
    for attempt in range(attempts):
        if attempt > 0:
            time.sleep(1)
        try:
            _fetch(source.url, path, progress)
        except requests.RequestException as error:
            reason = describe_error(error)
            continue
        if file_sha256(path).startswith(source.sha256):
            return
        reason = "the SHA-256 of the downloaded file is wrong"
    raise DownloadFailed(
        f"can't download {source.name} from {urlsplit(source.url).netloc} ({reason}); try again later, or "
        f"{_advice(source)}"
    )


def _fetch(url: str, path: Path, progress: Callable[[int, int], None]) -> None:
    """Download a URL to a file. Raises requests.RequestException and OSError."""
    import requests  # noqa: PLC0415

    with (
        requests.get(url, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response,
        path.open("wb") as file,
    ):
        response.raise_for_status()
        total, done = int(response.headers.get("Content-Length", 0)), 0
        progress(done, total)
        for block in response.iter_content(BLOCK_SIZE):
            file.write(block)
            done += len(block)
            progress(done, total)
