"""Download a data set from its publisher.

Each file is downloaded and decompressed in a temporary folder next to its destination, verified before and after
decompression, and then moved to its destination. An interruption never leaves an incomplete file there. A repeated
download fetches only missing and damaged files.
"""

import gzip
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fashion_tui.files import make_private_folder
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .files import DATA_VARIABLE, data_location, is_intact, verify
from .sources import FASHION_MNIST, DataFile, DatasetSource

Progress = Callable[[int, int], None]
"""Called with the number of compressed bytes downloaded so far and in total, over all files."""

CONNECT_TIMEOUT = 5.0
"""Timeout for connecting to each of the server's addresses, in seconds."""
READ_TIMEOUT = 20.0
"""Timeout for receiving more data from the server, in seconds."""
BLOCK_SIZE = 64 * 1024
"""Number of bytes to download or decompress at once."""


class DownloadFailed(UserError):
    """Raised when a download fails; the message says why and what to do instead."""


def download(
    directory: Path | None = None,
    progress: Progress | None = None,
    *,
    source: DatasetSource = FASHION_MNIST,
    attempts: int = 3,
) -> DatasetRef:
    """Download a data set, and return a reference to it with its verified checksum.

    The files are saved in the folder returned by `data_location(directory)`. For each file, all mirrors are tried up to
    `attempts` times, with a pause of one second between rounds. An exception raised by `progress` cancels the download.
    Raises DownloadFailed if a file can't be downloaded, verified or written.
    """
    location = data_location(directory)
    target = location.directory
    raw = target / source.folder / "raw"
    total = sum(file.gz_bytes for file in source.files)
    report = progress or (lambda _done, _total: None)
    done = 0
    try:
        if location.specified_by is None:
            make_private_folder(raw)
        raw.mkdir(parents=True, exist_ok=True)
        for file in source.files:
            report(done, total)
            if not is_intact(file, raw):
                with tempfile.TemporaryDirectory(dir=raw, prefix=".download-") as folder:
                    archive = _fetch(file, source, Path(folder), _ProgressBar(report, done, total, file), attempts)
                    _decompress(file, source, archive).replace(raw / file.name)
            done += file.gz_bytes
        report(done, total)
    except OSError as error:
        raise DownloadFailed(f"can't write to {raw} ({error.strerror or error}): {_advice(source)}") from error
    return verify(DatasetRef(name=source.name, directory=str(target.resolve()), sha256=""))


class TooMuchData(Exception):
    """Raised when a server sends more data than the published file contains."""


class _ProgressBar:
    """A progress bar for one of several files, with the interface that pooch expects."""

    def __init__(self, report: Progress, done_before: int, overall_total: int, file: DataFile) -> None:
        self._report, self._done_before, self._overall_total = report, done_before, overall_total
        self._file_size = file.gz_bytes
        self._downloaded = self._received = 0
        self.total = 0

    def update(self, amount: int) -> None:
        """Count a downloaded block. `amount` is always the full block size, even for a shorter last block."""
        self._received += amount
        if self._received >= self._file_size + BLOCK_SIZE:
            raise TooMuchData
        self._downloaded = min(self._received, self._file_size)
        self._report(self._done_before + self._downloaded, self._overall_total)

    def reset(self) -> None:
        self._downloaded = self._received = 0

    def close(self) -> None:
        pass


def _fetch(file: DataFile, source: DatasetSource, folder: Path, bar: _ProgressBar, attempts: int) -> Path:
    """Download the compressed file to `folder` and verify its MD5."""
    import pooch  # noqa: PLC0415 - takes 0.15 s together with requests, and is rarely needed
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # otherwise, pooch's messages would appear on the app's screen
    name = f"{file.name}.gz"
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=BLOCK_SIZE, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    reason = ""
    for attempt in range(attempts):
        if attempt > 0:
            time.sleep(1)
        for mirror in source.mirrors:
            bar.reset()
            try:
                return Path(pooch.retrieve(mirror + name, f"md5:{file.gz_md5}", name, folder, downloader=downloader))
            except TooMuchData:
                reason = f"the server sent more than {file.gz_bytes:,} bytes"
            except ValueError:
                reason = "the MD5 of the downloaded file is wrong"
            except requests.RequestException as error:
                reason = _describe_error(error)
    raise DownloadFailed(
        f"can't download {name} from {urlsplit(source.mirrors[-1]).netloc} ({reason}): {_advice(source)}"
    )


def _describe_error(error: Exception) -> str:
    """Describe a failed request, without the internal details in the messages of the `requests` package."""
    import requests  # noqa: PLC0415

    match error:
        case requests.HTTPError(response=requests.Response() as response):
            return f"the server replied {response.status_code} {response.reason}"
        case requests.RequestException() if "timed out" in str(error):
            return "timeout"
        case requests.exceptions.ChunkedEncodingError():
            return "the connection was lost"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return type(error).__name__


def _decompress(file: DataFile, source: DatasetSource, archive: Path) -> Path:
    """Decompress a file into the archive's folder, verify it, and return its path."""
    path = archive.with_name(file.name)
    digest = hashlib.sha256()
    with gzip.open(archive) as compressed, path.open("wb") as decompressed:
        while block := compressed.read(BLOCK_SIZE):
            digest.update(block)
            decompressed.write(block)
    if digest.hexdigest() != file.sha256:
        raise DownloadFailed(
            f"the content of {archive.name} has the SHA-256 {digest.hexdigest()}, expected {file.sha256}: "
            f"{_advice(source)}"
        )
    return path


def _advice(source: DatasetSource) -> str:
    return (
        f"try again later, specify a folder that contains {source.folder}/raw with --data DIR or {DATA_VARIABLE}, "
        "or use --dataset synthetic"
    )
