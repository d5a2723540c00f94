"""Downloads of pretrained weights from a local server."""

import hashlib
import os
from pathlib import Path

import pytest
import torch.hub

from fashion_tui.data.download import DownloadFailed
from fashion_tui.data.pretrained import MissingWeights, download_weights, find_weights, weights_folder
from fashion_tui.schema.fine_tuning import PublishedWeights

from .test_download import Server, send, server

__all__ = ["server"]

CONTENT = os.urandom(200_000)


@pytest.fixture
def source(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedWeights:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    digits = hashlib.sha256(CONTENT).hexdigest()[:8]
    name = f"net-{digits}.pth"
    server.archives[name] = CONTENT
    return PublishedWeights(url=server.address + name, name=name, sha256=digits)


def test_weights_are_downloaded_once_into_torchvisions_folder(
    source: PublishedWeights, server: Server, tmp_path: Path
) -> None:
    reported: list[tuple[int, int]] = []
    path = download_weights(source, lambda done, total: reported.append((done, total)))
    assert path == tmp_path / "hub" / "checkpoints" / source.name
    assert path.read_bytes() == CONTENT
    assert (reported[0], reported[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert reported == sorted(reported)
    assert download_weights(source) == find_weights(source) == path
    assert server.requested == [source.name]


def test_the_folder_is_that_of_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("TORCH_HOME", tmp_path / "home"), ("XDG_CACHE_HOME", tmp_path / "cache")):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, str(value))
        assert str(weights_folder()) == f"{torch.hub.get_dir()}/checkpoints"


def test_an_error_is_retried_and_a_damaged_file_is_replaced(source: PublishedWeights, server: Server) -> None:
    weights_folder().mkdir(parents=True)
    (weights_folder() / source.name).write_bytes(b"damaged")
    with pytest.raises(MissingWeights, match="damaged"):
        find_weights(source)
    server.special_replies[source.name] = lambda request, _: request.send_error(503)
    assert download_weights(source).read_bytes() == CONTENT
    assert len(server.requested) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"wrong", "SHA-256"), (CONTENT[:9], "lost|timeout"), (None, "404")],
    ids=["wrong", "too short", "missing"],
)
def test_a_failed_download_says_what_to_do(
    source: PublishedWeights, server: Server, body: bytes | None, reason: str
) -> None:
    if body is None:
        del server.archives[source.name]
    elif len(body) == 9:
        server.special_replies[source.name] = lambda request, _: send(request, body, len(CONTENT))
    else:
        server.archives[source.name] = body
    with pytest.raises(DownloadFailed, match=reason) as failure:
        download_weights(source, attempts=1)
    assert source.url in str(failure.value)
    assert "--weights FILE" in str(failure.value)
    assert list(weights_folder().iterdir()) == []


class Cancelled(Exception):
    pass


def test_a_download_can_be_cancelled(source: PublishedWeights) -> None:
    def cancel(done: int, _total: int) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        download_weights(source, cancel)
    assert list(weights_folder().iterdir()) == []
