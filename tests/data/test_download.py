"""Downloads from a local server that sends files, errors, incomplete or wrong data, or nothing."""

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

from fashion_tui.data import download as download_module
from fashion_tui.data import files
from fashion_tui.data.download import DownloadFailed, download
from fashion_tui.data.sources import FASHION_MNIST, DatasetSource

from .conftest import SmallSet

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
    ref = download(progress=lambda done, total: reported.append((done, total)), source=served)
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
    assert download(source=served).directory == str(tmp_path / "variable")
    assert download(tmp_path / "named", source=served).directory == str(tmp_path / "named")
    assert files_in(tmp_path / "named") == set(fashion.contents)


def test_a_temporary_error_is_retried(served: DatasetSource, server: Server, cache: Path) -> None:
    server.special_replies["train-images-idx3-ubyte.gz"] = lambda request, _: request.send_error(503)
    download(source=served)
    assert server.requested.count("train-images-idx3-ubyte.gz") == 2


def test_the_next_mirror_is_tried_without_delay(served: DatasetSource, server: Server, fashion: SmallSet) -> None:
    source = replace(served, mirrors=(f"{server.address}gone/", server.address))
    assert download(source=source, attempts=1).sha256 == fashion.source.sha256


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
        (send_login_page, "the MD5 of the downloaded file is wrong"),
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
        download(source=served, attempts=1)
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
            download(source=served, attempts=1)
    finally:
        finished.set()
    assert "t10k-labels-idx1-ubyte" not in files_in(cache)


def test_an_archive_with_wrong_content_is_rejected(served: DatasetSource, cache: Path) -> None:
    file = replace(served.train_images, sha256="0" * 64)
    with pytest.raises(DownloadFailed, match=f"SHA-256 {served.train_images.sha256}, expected 0{{64}}"):
        download(source=replace(served, train_images=file))
    assert files_in(cache) == set()


class CancelledError(Exception):
    pass


def test_a_cancelled_download_leaves_no_incomplete_file_and_can_be_continued(
    served: DatasetSource, server: Server, fashion: SmallSet, cache: Path
) -> None:
    first, second = served.files[:2]

    def cancel_in_second_file(done: int, _total: int) -> None:
        if done > first.gz_bytes:
            raise CancelledError

    with pytest.raises(CancelledError):
        download(progress=cancel_in_second_file, source=served)
    assert files_in(cache) == {first.name}
    server.requested.clear()
    download(source=served)
    assert server.requested == [f"{file.name}.gz" for file in served.files[1:]]
    assert server.requested[0] == f"{second.name}.gz"


def test_only_damaged_files_are_downloaded_again(
    served: DatasetSource, server: Server, fashion: SmallSet, cache: Path
) -> None:
    raw = fashion.write(cache)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"nonsense")
    assert download(source=served).sha256 == fashion.source.sha256
    assert server.requested == ["t10k-images-idx3-ubyte.gz"]


def test_links_in_the_folder_are_replaced_and_not_followed(
    served: DatasetSource, fashion: SmallSet, cache: Path, tmp_path: Path
) -> None:
    raw = fashion.write(cache)
    (tmp_path / "precious").write_bytes(b"precious")
    for name, target in (("t10k-images-idx3-ubyte", "precious"), ("t10k-labels-idx1-ubyte", "missing")):
        (raw / name).unlink()
        (raw / name).symlink_to(tmp_path / target)
    assert download(source=served).sha256 == fashion.source.sha256
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "missing").exists()
    assert not any(path.is_symlink() for path in raw.iterdir())


def test_the_cache_is_private_whatever_the_umask(served: DatasetSource, cache: Path) -> None:
    umask = os.umask(0)
    try:
        download(source=served)
    finally:
        os.umask(umask)
    folders = [path for path in (cache, *cache.rglob("*")) if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_an_endless_download_is_ended(served: DatasetSource, server: Server) -> None:
    server.archives = {name: content + bytes(10 << 20) for name, content in server.archives.items()}
    with pytest.raises(DownloadFailed, match="the server sent more than"):
        download(source=served, attempts=1)
    assert server.requested == [f"{served.files[0].name}.gz"]


def test_an_unwritable_folder_is_reported(served: DatasetSource, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match=f"can't write to {tmp_path / 'file'}.*--dataset synthetic"):
        download(tmp_path / "file", source=served)


def test_nothing_is_printed(served: DatasetSource, capfd: pytest.CaptureFixture[str]) -> None:
    download(source=served)
    assert capfd.readouterr() == ("", "")


def test_download_of_fashion_mnist(real_data: Path, server: Server, tmp_path: Path) -> None:
    published = []
    for file in FASHION_MNIST.files:
        content = (real_data / "FashionMNIST" / "raw" / file.name).read_bytes()
        archive = server.archives[f"{file.name}.gz"] = gzip.compress(content, 0)
        md5 = hashlib.md5(archive, usedforsecurity=False).hexdigest()
        published.append(replace(file, gz_md5=md5, gz_bytes=len(archive)))
    images, labels, test_images, test_labels = published
    source = replace(
        FASHION_MNIST,
        mirrors=(server.address,),
        train_images=images,
        train_labels=labels,
        test_images=test_images,
        test_labels=test_labels,
    )
    assert download(tmp_path / "data", source=source).sha256 == FASHION_MNIST.sha256
