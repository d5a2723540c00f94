"""The download, from a real server on this machine that serves, fails, cuts, lies and keeps silent."""

import gzip
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fashion_tui.data import download as downloading
from fashion_tui.data import files
from fashion_tui.data.download import DownloadFailed, download
from fashion_tui.data.sources import FASHION_MNIST, Source

from .conftest import SmallSet

THREE_WAYS_OUT = ("--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")


@dataclass
class Server:
    """Serves archives by their names, and treats the first request for a name as `treat` says."""

    archives: dict[str, bytes] = field(default_factory=dict)
    treat: dict[str, Callable[[BaseHTTPRequestHandler, bytes], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/")
        self.asked.append(name)
        if name in self.treat:
            self.treat.pop(name)(request, self.archives[name])
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
            server.answer(self)

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
def served(fashion: SmallSet, server: Server) -> Source:
    """The small set, whole on the server."""
    server.archives = dict(fashion.archives)
    return replace(fashion.source, mirrors=(server.address,))


def everything_in(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*") if path.is_file()}


def test_the_set_arrives_whole_in_the_cache_and_is_found_there(served: Source, fashion: SmallSet, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    ref = download(progress=lambda done, whole: told.append((done, whole)), source=served)
    assert ref == files.verify(files.find("fashion-mnist"))
    assert ref.directory == str(cache)
    assert everything_in(cache) == set(fashion.contents)
    size = sum(len(archive) for archive in fashion.archives.values())
    assert told[0] == (0, size)
    assert told[-1] == (size, size)
    assert told == sorted(told)


def test_it_goes_to_the_folder_that_was_named(
    served: Source, fashion: SmallSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHION_TUI_DATA", str(tmp_path / "variable"))
    assert download(source=served).directory == str(tmp_path / "variable")
    assert download(tmp_path / "named", source=served).directory == str(tmp_path / "named")
    assert everything_in(tmp_path / "named") == set(fashion.contents)


def test_a_passing_failure_is_tried_again(served: Source, server: Server, cache: Path) -> None:
    server.treat["train-images-idx3-ubyte.gz"] = lambda request, _: request.send_error(503)
    download(source=served)
    assert server.asked.count("train-images-idx3-ubyte.gz") == 2


def test_where_one_mirror_fails_the_next_is_tried_at_once(served: Source, server: Server, fashion: SmallSet) -> None:
    two = replace(served, mirrors=(f"{server.address}gone/", server.address))
    assert download(source=two, attempts=1).sha256 == fashion.source.sha256


def nothing_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def cut(request: BaseHTTPRequestHandler, body: bytes) -> None:
    send(request, body[:10], length=len(body))
    request.close_connection = True


def lie(request: BaseHTTPRequestHandler, _body: bytes) -> None:
    send(request, gzip.compress(b"<html>Please log in to this hotel's network</html>"))


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        (cut, "the connection broke off"),
        (lie, "what came isn't the published file"),
        (lambda request, _: request.send_error(404), "the server answers 404 Not Found"),
        (None, "no connection"),
    ],
)
def test_a_failure_is_one_line_with_the_ways_out_and_leaves_no_file(
    served: Source,
    server: Server,
    cache: Path,
    treatment: Callable[[BaseHTTPRequestHandler, bytes], None] | None,
    reason: str,
) -> None:
    if treatment is None:
        served = replace(served, mirrors=(nothing_listens(),))
    else:
        server.treat["train-images-idx3-ubyte.gz"] = treatment
    with pytest.raises(DownloadFailed) as error:
        download(source=served, attempts=1)
    message = str(error.value)
    assert "\n" not in message
    assert f"train-images-idx3-ubyte.gz from 127.0.0.1:{served.mirrors[0].rsplit(':')[-1][:-1]} ({reason}" in message
    assert all(way in message for way in THREE_WAYS_OUT)
    assert everything_in(cache) == set()


def test_a_server_that_falls_silent_is_given_up(
    served: Source, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def keep_silent(request: BaseHTTPRequestHandler, body: bytes) -> None:
        send(request, body[:10], length=len(body))
        over.wait(30)

    monkeypatch.setattr(downloading, "READ_TIMEOUT", 0.2)
    server.treat["t10k-labels-idx1-ubyte.gz"] = keep_silent
    try:
        with pytest.raises(DownloadFailed, match=r"t10k-labels.*the server doesn't answer in time"):
            download(source=served, attempts=1)
    finally:
        over.set()
    assert "t10k-labels-idx1-ubyte" not in everything_in(cache)


def test_a_published_archive_that_unpacks_to_something_else_is_refused(served: Source, cache: Path) -> None:
    file = replace(served.train_images, sha256="0" * 64)
    with pytest.raises(DownloadFailed, match=f"SHA-256 {served.train_images.sha256}, it should be 0{{64}}"):
        download(source=replace(served, train_images=file))
    assert everything_in(cache) == set()


class CancelledError(Exception):
    pass


def test_a_cancelled_download_leaves_no_half_file_and_goes_on_where_it_was(
    served: Source, server: Server, fashion: SmallSet, cache: Path
) -> None:
    first, second = served.files[:2]

    def cancel_in_the_second(done: int, _whole: int) -> None:
        if done > first.gz_bytes:
            raise CancelledError

    with pytest.raises(CancelledError):
        download(progress=cancel_in_the_second, source=served)
    assert everything_in(cache) == {first.name}
    server.asked.clear()
    download(source=served)
    assert server.asked == [f"{file.name}.gz" for file in served.files[1:]]
    assert server.asked[0] == f"{second.name}.gz"


def test_a_damaged_file_is_mended_and_the_whole_ones_are_kept(
    served: Source, server: Server, fashion: SmallSet, cache: Path
) -> None:
    raw = fashion.write(cache)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"nonsense")
    assert download(source=served).sha256 == fashion.source.sha256
    assert server.asked == ["t10k-images-idx3-ubyte.gz"]


def test_a_folder_that_cannot_be_written_is_named(served: Source, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match=f"can't write into {tmp_path / 'file'}.*--dataset synthetic"):
        download(tmp_path / "file", source=served)


def test_nothing_is_printed_that_would_spoil_a_screen(served: Source, capfd: pytest.CaptureFixture[str]) -> None:
    download(source=served)
    assert capfd.readouterr() == ("", "")


def test_the_real_set(real_data: Path, server: Server, tmp_path: Path) -> None:
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
