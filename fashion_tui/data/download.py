"""Fetches a data set from its publisher.

Every file is fetched and decompressed in a temporary folder beside its place, checked compressed and decompressed, and
then renamed into place: whatever happens in between, no half file is ever found. Files that are there and whole are
kept, so that a download that broke off goes on with the next file, and a damaged file is mended.
"""

import gzip
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .files import VARIABLE, is_whole, place, verify
from .sources import FASHION_MNIST, DataFile, Source

Progress = Callable[[int, int], None]
"""Is told how many bytes are there and how many there will be, over all files of the set, compressed."""

CONNECT_TIMEOUT = 5.0
"""Seconds, for each address that the server's name stands for."""
READ_TIMEOUT = 20.0
"""Seconds in which not one byte comes."""
PIECE = 64 * 1024
"""Bytes that are fetched, or decompressed, at a time."""


class DownloadFailed(UserError):
    """What hindered the download, and the ways to do without it."""


def download(
    directory: Path | None = None,
    progress: Progress | None = None,
    *,
    source: Source = FASHION_MNIST,
    attempts: int = 3,
) -> DatasetRef:
    """Fetches the set to where `find` looks for it (`directory`, $FASHION_TUI_DATA or the cache); its verified ref.

    Each file is tried `attempts` times at each mirror, the rounds a second apart. What `progress` raises ends the
    download and leaves no half file: so a caller cancels it. DownloadFailed says why there is no set.
    """
    target = place(directory).directory
    raw = target / source.folder / "raw"
    whole = sum(file.gz_bytes for file in source.files)
    report = progress or _say_nothing
    done = 0
    try:
        raw.mkdir(parents=True, exist_ok=True)
        for file in source.files:
            report(done, whole)
            if not is_whole(file, raw):
                with tempfile.TemporaryDirectory(dir=raw, prefix=".download-") as scratch:
                    archive = _fetch(file, source, Path(scratch), _Bar(report, done, whole, file), attempts)
                    _decompress(file, source, archive).replace(raw / file.name)
            done += file.gz_bytes
        report(done, whole)
    except OSError as error:
        raise DownloadFailed(f"can't write into {raw} ({error.strerror or error}): {_ways_out(source)}") from error
    return verify(DatasetRef(name=source.name, directory=str(target.resolve()), sha256=""))


class _Bar:
    """A progress bar as pooch drives it, for one file of several."""

    def __init__(self, report: Progress, done: int, whole: int, file: DataFile) -> None:
        self.report, self.done, self.whole, self.size = report, done, whole, file.gz_bytes
        self.total = 0
        self.seen = 0

    def update(self, amount: int) -> None:
        """`amount` is a piece's full length, for the last and shorter piece too."""
        self.seen = min(self.seen + amount, self.size)
        self.report(self.done + self.seen, self.whole)

    def reset(self) -> None:
        self.seen = 0

    def close(self) -> None:
        pass


def _fetch(file: DataFile, source: Source, folder: Path, bar: _Bar, attempts: int) -> Path:
    """The compressed file, as its publisher's MD5 knows it, in `folder`."""
    import pooch  # noqa: PLC0415 - with requests 0.15 s, and needed once in a machine's life
    import requests  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")  # its words about what it does would end up on the app's screen
    name = f"{file.name}.gz"
    fetcher = pooch.HTTPDownloader(progressbar=bar, chunk_size=PIECE, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    reason = ""
    for attempt in range(attempts):
        if attempt > 0:
            time.sleep(1)
        for mirror in source.mirrors:
            bar.reset()
            try:
                return Path(pooch.retrieve(mirror + name, f"md5:{file.gz_md5}", name, folder, downloader=fetcher))
            except ValueError:
                reason = "what came isn't the published file: its MD5 differs"
            except requests.RequestException as error:
                reason = _in_words(error)
    raise DownloadFailed(
        f"can't download {name} from {urlsplit(source.mirrors[-1]).netloc} ({reason}): {_ways_out(source)}"
    )


def _in_words(error: Exception) -> str:
    """What hindered a request, without the innards that requests puts into its messages."""
    import requests  # noqa: PLC0415

    match error:
        case requests.HTTPError(response=requests.Response() as response):
            return f"the server answers {response.status_code} {response.reason}"
        case requests.RequestException() if "timed out" in str(error):
            return "the server doesn't answer in time"
        case requests.exceptions.ChunkedEncodingError():
            return "the connection broke off"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return type(error).__name__


def _decompress(file: DataFile, source: Source, archive: Path) -> Path:
    """The decompressed file, checked, beside its archive."""
    path = archive.with_name(file.name)
    digest = hashlib.sha256()
    with gzip.open(archive) as packed, path.open("wb") as unpacked:
        while piece := packed.read(PIECE):
            digest.update(piece)
            unpacked.write(piece)
    if digest.hexdigest() != file.sha256:
        raise DownloadFailed(
            f"{archive.name} unpacks to SHA-256 {digest.hexdigest()}, it should be {file.sha256}: {_ways_out(source)}"
        )
    return path


def _ways_out(source: Source) -> str:
    return (
        f"try again where there is a network, give the folder that holds {source.folder}/raw with --data DIR or "
        f"{VARIABLE}, or use --dataset synthetic"
    )


def _say_nothing(done: int, whole: int) -> None:
    pass
