"""Downloads from a local server that sends archives, errors, incomplete or wrong data, or nothing."""

import gzip
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fashion_tui.cli.inputs import find_dataset
from fashion_tui.cli.options import CommonOptions
from fashion_tui.data import download as download_module
from fashion_tui.data import files, preparation
from fashion_tui.data.download import DownloadFailed, download
from fashion_tui.data.published import DatasetSource
from fashion_tui.data.sources import CIFAR10, FASHION_MNIST, SOURCES

from .conftest import Shrink, SmallSet

ALTERNATIVES = ("--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")


@dataclass
class Server:
    """Sends archives by name. The first request for a name in `special_replies` is answered by its function."""

    archives: dict[str, bytes] = field(default_factory=dict)
    special_replies: dict[str, Callable[[BaseHTTPRequestHandler, bytes], None]] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)
    address: str = ""

    def reply(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/")
        self.requested.append(name)
        if name in self.special_replies:
            self.special_replies.pop(name)(request, self.archives[name])
        elif name in self.archives:
            send(request, self.archives[name])
        else:
            request.send_error(404)


def send(request: BaseHTTPRequestHandler, body: bytes, length: int | None = None) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "application/gzip")
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.reply(self)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"http://127.0.0.1:{listening.server_port}/"
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield server
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def served(fashion: SmallSet, server: Server) -> DatasetSource:
    """The small data set, available on the server."""
    server.archives = dict(fashion.archives)
    return replace(fashion.source, mirrors=(server.address,))


def files_in(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*") if path.is_file()}


def test_the_download_goes_to_the_cache_and_is_found_there(
    served: DatasetSource, fashion: SmallSet, cache: Path
) -> None:
    reported: list[tuple[int, int]] = []
    ref = download(served, progress=lambda done, total: reported.append((done, total)))
    assert ref == files.verify(files.find("fashion-mnist"))
    assert ref.directory == str(cache)
    assert files_in(cache) == set(fashion.contents)
    size = sum(len(archive) for archive in fashion.archives.values())
    assert reported[0] == (0, size)
    assert reported[-1] == (size, size)
    assert reported == sorted(reported)


def test_the_download_goes_to_the_specified_folder(
    served: DatasetSource, fashion: SmallSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHION_TUI_DATA", str(tmp_path / "variable"))
    assert download(served).directory == str(tmp_path / "variable")
    assert download(served, tmp_path / "named").directory == str(tmp_path / "named")
    assert files_in(tmp_path / "named") == set(fashion.contents)


def test_a_temporary_error_is_retried(served: DatasetSource, server: Server, cache: Path) -> None:
    server.special_replies["train-images-idx3-ubyte.gz"] = lambda request, _: request.send_error(503)
    download(served)
    assert server.requested.count("train-images-idx3-ubyte.gz") == 2


def test_the_next_mirror_is_tried_without_delay(served: DatasetSource, server: Server, fashion: SmallSet) -> None:
    source = replace(served, mirrors=(f"{server.address}gone/", server.address))
    assert download(source, attempts=1).sha256 == fashion.source.sha256


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def send_part(request: BaseHTTPRequestHandler, body: bytes) -> None:
    send(request, body[:10], length=len(body))
    request.close_connection = True


def send_login_page(request: BaseHTTPRequestHandler, _body: bytes) -> None:
    send(request, gzip.compress(b"<html>Please log in to this hotel's network</html>"))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (send_part, "the connection was lost"),
        (send_login_page, "the SHA-256 of the downloaded file is wrong"),
        (lambda request, _: request.send_error(404), "the server replied 404 Not Found"),
        (None, "no connection"),
    ],
)
def test_an_error_is_one_line_with_alternatives_and_leaves_no_file(
    served: DatasetSource,
    server: Server,
    cache: Path,
    reply: Callable[[BaseHTTPRequestHandler, bytes], None] | None,
    reason: str,
) -> None:
    if reply is None:
        served = replace(served, mirrors=(unused_address(),))
    else:
        server.special_replies["train-images-idx3-ubyte.gz"] = reply
    with pytest.raises(DownloadFailed) as error:
        download(served, attempts=1)
    message = str(error.value)
    assert "\n" not in message
    assert f"train-images-idx3-ubyte.gz from 127.0.0.1:{served.mirrors[0].rsplit(':')[-1][:-1]} ({reason}" in message
    assert all(alternative in message for alternative in ALTERNATIVES)
    assert files_in(cache) == set()


def test_a_silent_server_causes_a_timeout(
    served: DatasetSource, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = threading.Event()

    def send_part_and_wait(request: BaseHTTPRequestHandler, body: bytes) -> None:
        send(request, body[:10], length=len(body))
        finished.wait(30)

    monkeypatch.setattr(download_module, "READ_TIMEOUT", 0.2)
    server.special_replies["t10k-labels-idx1-ubyte.gz"] = send_part_and_wait
    try:
        with pytest.raises(DownloadFailed, match=r"t10k-labels.*timeout"):
            download(served, attempts=1)
    finally:
        finished.set()
    assert "t10k-labels-idx1-ubyte" not in files_in(cache)


def test_an_archive_with_wrong_content_is_rejected(served: DatasetSource, cache: Path) -> None:
    first, *others = served.archives
    (file,) = first.files
    wrong = replace(first, files=(replace(file, sha256="0" * 64),))
    with pytest.raises(DownloadFailed, match=f"SHA-256 {file.sha256}, expected 0{{64}}"):
        download(replace(served, archives=(wrong, *others)))
    assert files_in(cache) == set()


class CancelledError(Exception):
    pass


def test_a_cancelled_download_leaves_no_incomplete_file_and_can_be_continued(
    served: DatasetSource, server: Server, fashion: SmallSet, cache: Path
) -> None:
    first, second = served.archives[:2]

    def cancel_in_second_file(done: int, _total: int) -> None:
        if done > first.size:
            raise CancelledError

    with pytest.raises(CancelledError):
        download(served, progress=cancel_in_second_file)
    assert files_in(cache) == {first.files[0].name}
    server.requested.clear()
    download(served)
    assert server.requested == [archive.name for archive in served.archives[1:]]
    assert server.requested[0] == second.name


def test_only_damaged_files_are_downloaded_again(
    served: DatasetSource, server: Server, fashion: SmallSet, cache: Path
) -> None:
    raw = fashion.write(cache)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"nonsense")
    assert download(served).sha256 == fashion.source.sha256
    assert server.requested == ["t10k-images-idx3-ubyte.gz"]


def test_links_in_the_folder_are_replaced_and_not_followed(
    served: DatasetSource, fashion: SmallSet, cache: Path, tmp_path: Path
) -> None:
    raw = fashion.write(cache)
    (tmp_path / "precious").write_bytes(b"precious")
    for name, target in (("t10k-images-idx3-ubyte", "precious"), ("t10k-labels-idx1-ubyte", "missing")):
        (raw / name).unlink()
        (raw / name).symlink_to(tmp_path / target)
    assert download(served).sha256 == fashion.source.sha256
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "missing").exists()
    assert not any(path.is_symlink() for path in raw.iterdir())


def test_the_cache_is_private_whatever_the_umask(served: DatasetSource, cache: Path) -> None:
    umask = os.umask(0)
    try:
        download(served)
    finally:
        os.umask(umask)
    folders = [path for path in (cache, *cache.rglob("*")) if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_an_endless_download_is_ended(served: DatasetSource, server: Server) -> None:
    server.archives = {name: content + bytes(10 << 20) for name, content in server.archives.items()}
    with pytest.raises(DownloadFailed, match="the server sent more than"):
        download(served, attempts=1)
    assert server.requested == [served.archives[0].name]


def test_an_unwritable_folder_is_reported(served: DatasetSource, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match=f"can't write to {tmp_path / 'file'}.*--dataset synthetic"):
        download(served, tmp_path / "file")


def test_nothing_is_printed(served: DatasetSource, capfd: pytest.CaptureFixture[str]) -> None:
    download(served)
    assert capfd.readouterr() == ("", "")


def test_download_of_fashion_mnist(real_data: Path, server: Server, tmp_path: Path) -> None:
    published = []
    for archive in FASHION_MNIST.archives:
        content = (real_data / FASHION_MNIST.folder / archive.files[0].name).read_bytes()
        compressed = server.archives[archive.name] = gzip.compress(content, 0)
        published.append(replace(archive, size=len(compressed), sha256=hashlib.sha256(compressed).hexdigest()))
    source = replace(FASHION_MNIST, mirrors=(server.address,), archives=tuple(published))
    assert download(source, tmp_path / "data").sha256 == FASHION_MNIST.sha256


class TestEveryDataset:
    @pytest.fixture
    def served_set(self, any_set: SmallSet, server: Server) -> DatasetSource:
        server.archives = dict(any_set.archives)
        return replace(any_set.source, mirrors=(server.address,))

    def test_its_files_are_extracted_and_verified(
        self, any_set: SmallSet, served_set: DatasetSource, tmp_path: Path
    ) -> None:
        ref = download(served_set, tmp_path / "data")
        folder = tmp_path / "data" / any_set.source.folder
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == any_set.contents
        assert ref == files.verify(files.find(any_set.source.name, tmp_path / "data"))
        dataset = preparation.prepare(ref, lambda _done, _total: None, lambda: False)
        assert dataset.train.labels.tolist() == any_set.labels["train"]

    def test_commands_download_and_convert_it(
        self, any_set: SmallSet, served_set: DatasetSource, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(SOURCES, any_set.source.name, served_set)
        info = find_dataset(CommonOptions(dataset=any_set.source.name))
        assert info.ref.directory == str(cache)
        assert (info.train_size, info.test_size) == (20, 6)
        server.requested.clear()
        assert find_dataset(CommonOptions(dataset=any_set.source.name)) == info
        assert server.requested == []

    def test_a_second_download_fetches_nothing(self, served_set: DatasetSource, server: Server, tmp_path: Path) -> None:
        download(served_set, tmp_path / "data")
        server.requested.clear()
        download(served_set, tmp_path / "data")
        assert server.requested == []

    def test_a_failure_says_which_files_to_put_where(
        self, any_set: SmallSet, served_set: DatasetSource, server: Server, tmp_path: Path
    ) -> None:
        server.archives = {}
        with pytest.raises(DownloadFailed, match="404 Not Found") as error:
            download(served_set, tmp_path / "data", attempts=1)
        message = str(error.value)
        assert f"into {tmp_path / 'data' / any_set.source.folder}" in message
        assert server.address in message
        assert all(file.name in message for file in any_set.source.files)

    def test_files_that_are_put_there_are_found(self, any_set: SmallSet, tmp_path: Path) -> None:
        """Follow the instructions: the names are those of the files in the archives."""
        folder = tmp_path / "data" / any_set.source.folder
        folder.mkdir(parents=True)
        source = replace(any_set.source, mirrors=("https://example.org/",))
        named = source.instructions(tmp_path / "data").removeprefix("put ").split(" from ")[0]
        for name in named.replace(" and ", ", ").split(", "):
            content = any_set.contents[name.removesuffix(".gz")]
            (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        ref = files.verify(files.find(source.name, tmp_path / "data"))
        assert any_set.source.sha256 in {None, ref.sha256}


def test_a_download_can_be_cancelled_while_an_archive_is_extracted(shrink: Shrink, server: Server, cache: Path) -> None:
    small = shrink(CIFAR10)
    server.archives = dict(small.archives)

    def cancel(_done: int, _total: int) -> None:
        if "data_batch_1.bin" in files_in(cache):
            raise CancelledError

    with pytest.raises(CancelledError):
        download(replace(small.source, mirrors=(server.address,)), progress=cancel)
    assert files_in(cache) == set()


def test_one_damaged_file_of_an_archive_is_replaced(shrink: Shrink, server: Server, tmp_path: Path) -> None:
    small = shrink(CIFAR10)
    server.archives = dict(small.archives)
    folder = small.write(tmp_path / "data")
    (folder / "data_batch_4.bin").write_bytes(b"nonsense")
    download(replace(small.source, mirrors=(server.address,)), tmp_path / "data")
    assert (folder / "data_batch_4.bin").read_bytes() == small.contents["data_batch_4.bin"]
    assert server.requested == ["cifar-10-binary.tar.gz"]
