"""Download a data set from its publisher.

Each archive is downloaded and extracted in a temporary folder next to the destination of its files. Archives are
verified before extraction, files after it; then the files are moved to their destination. An interruption never leaves
an incomplete file there. A repeated download fetches only the archives of missing and damaged files.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fashion_tui.files import make_private_folder
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .archives import DamagedArchive, extract
from .files import DATA_VARIABLE, data_location, is_intact, verify
from .published import Archive, DatasetSource

Progress = Callable[[int, int], None]
"""Called with the number of bytes downloaded so far and in total, over all archives."""

CONNECT_TIMEOUT = 5.0
"""Timeout for connecting to each of the server's addresses, in seconds."""
READ_TIMEOUT = 20.0
"""Timeout for receiving more data from the server, in seconds."""
BLOCK_SIZE = 64 * 1024
"""Number of bytes to download at once."""


class DownloadFailed(UserError):
    """Raised when a download fails; the message says why and what to do instead."""


def download(
    source: DatasetSource, directory: Path | None = None, progress: Progress | None = None, *, attempts: int = 3
) -> DatasetRef:
    """Download a data set, and return a reference to it with its checksum.

    The files are saved in the folder returned by `data_location(directory)`. For each archive, all mirrors are tried up
    to `attempts` times, with a pause of one second between rounds. An exception raised by `progress` cancels the
    download. Raises DownloadFailed if an archive can't be downloaded, verified, extracted or written.
    """
    location = data_location(directory)
    target = location.directory
    folder = target / source.folder
    total = sum(archive.size for archive in source.archives)
    report = progress or (lambda _done, _total: None)
    done = 0
    try:
        if location.specified_by is None:
            make_private_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for archive in source.archives:
            report(done, total)
            if not all(is_intact(file, folder) for file in archive.files):
                bar = _ProgressBar(report, done, total, archive)
                with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
                    _download(archive, source.mirrors, Path(temporary), bar, attempts)
                    for file in archive.files:
                        (Path(temporary) / file.name).replace(folder / file.name)
            done += archive.size
        report(done, total)
    except _Failure as failure:
        raise DownloadFailed(f"{failure}: {_advice(source, target)}") from failure
    except OSError as error:
        raise DownloadFailed(
            f"can't write to {folder} ({error.strerror or error}): {_advice(source, target)}"
        ) from error
    return verify(DatasetRef(name=source.name, directory=str(target.resolve()), sha256=""))


def _advice(source: DatasetSource, target: Path) -> str:
    return (
        f"try again later, {source.instructions(target)}, specify a folder that contains {source.folder} with "
        f"--data DIR or {DATA_VARIABLE}, or use --dataset synthetic"
    )


class _Failure(Exception):
    """Raised when a download fails. The message says why."""


class TooMuchData(Exception):
    """Raised when a server sends more data than the published archive contains."""


class _ProgressBar:
    """A progress bar for one of several archives, with the interface that pooch expects."""

    def __init__(self, report: Progress, done_before: int, overall_total: int, archive: Archive) -> None:
        self._report, self._done_before, self._overall_total = report, done_before, overall_total
        self._size = archive.size
        self._downloaded = self._received = 0
        self.total = 0

    def update(self, amount: int) -> None:
        """Count a downloaded block. `amount` is always the full block size, even for a shorter last block."""
        self._received += amount
        if self._received >= self._size + BLOCK_SIZE:
            raise TooMuchData
        self._downloaded = min(self._received, self._size)
        self.repeat()

    def repeat(self) -> None:
        """Report the progress again, so that the download can be cancelled while an archive is extracted."""
        self._report(self._done_before + self._downloaded, self._overall_total)

    def reset(self) -> None:
        self._downloaded = self._received = 0

    def close(self) -> None:
        pass


def _download(archive: Archive, mirrors: tuple[str, ...], folder: Path, bar: _ProgressBar, attempts: int) -> None:
    """Download an archive, and extract its files to `folder`."""
    path = _fetch(archive, mirrors, folder, bar, attempts)
    try:
        extract(archive, path, folder, bar.repeat)
    except DamagedArchive as error:
        raise _Failure(f"{archive.name} can't be used ({error})") from error


def _fetch(archive: Archive, mirrors: tuple[str, ...], folder: Path, bar: _ProgressBar, attempts: int) -> Path:
    """Download an archive to `folder`, verify its SHA-256, and return its path."""
    import pooch  # noqa: PLC0415 - takes 0.15 s together with requests, and is rarely needed
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # otherwise, pooch's messages would appear on the app's screen
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=BLOCK_SIZE, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    name, checksum = archive.name, f"sha256:{archive.sha256}"
    reason = ""
    for attempt in range(attempts):
        if attempt > 0:
            time.sleep(1)
        for mirror in mirrors:
            bar.reset()
            try:
                return Path(pooch.retrieve(mirror + name, checksum, name, folder, downloader=downloader))
            except TooMuchData:
                reason = f"the server sent more than {archive.size:,} bytes"
            except ValueError:
                reason = "the SHA-256 of the downloaded file is wrong"
            except requests.RequestException as error:
                reason = describe_error(error)
    raise _Failure(f"can't download {name} from {urlsplit(mirrors[-1]).netloc} ({reason})")


def describe_error(error: Exception) -> str:
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
