"""Archives can't write outside the given folder, and their files are verified."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_tui.data.archives import DamagedArchive, extract
from fashion_tui.data.published import Archive, DataFile

from .conftest import tar_archive, zip_archive

CONTENT = bytes(range(256)) * 16
FILE = DataFile("values.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), CONTENT[:4])
OTHER = DataFile("other.bin", 3, None)

GZIP = Archive("values.bin.gz", 0, "", (FILE,))
TAR = Archive("values.tar.gz", 0, "", (FILE, OTHER), member="set/{}")
ZIP = Archive("values.zip", 0, "", (FILE, OTHER), member="gzip/{}.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "folder"
    folder.mkdir(parents=True)
    return folder


def unpack(archive: Archive, content: bytes, folder: Path) -> None:
    path = folder.parent / archive.name
    path.write_bytes(content)
    extract(archive, path, folder)


def in_zip(members: dict[str, bytes]) -> bytes:
    return zip_archive({name: gzip.compress(content) for name, content in members.items()})


@pytest.mark.parametrize(
    ("archive", "content"),
    [
        (GZIP, gzip.compress(CONTENT)),
        (TAR, tar_archive({"set/other.bin": b"abc", "set/values.bin": CONTENT})),
        (ZIP, in_zip({"gzip/values.bin.gz": CONTENT, "gzip/other.bin.gz": b"abc"})),
    ],
)
def test_files_are_extracted_and_decompressed(archive: Archive, content: bytes, folder: Path) -> None:
    unpack(archive, content, folder)
    assert (folder / "values.bin").read_bytes() == CONTENT
    assert {path.name for path in folder.iterdir()} == {file.name for file in archive.files}


@pytest.mark.parametrize("pack", [tar_archive, in_zip])
def test_other_members_are_ignored_wherever_they_point(pack: Callable[[dict[str, bytes]], bytes], folder: Path) -> None:
    archive, ending = (TAR, "") if pack is tar_archive else (ZIP, ".gz")
    prefix = archive.member.split("/")[0]
    members = {
        f"../escaped.bin{ending}": b"x",
        f"{folder.parent}/absolute.bin{ending}": b"x",
        f"values.bin{ending}": b"wrong folder",
        f"{prefix}/unknown.bin{ending}": b"x",
        f"{prefix}/values.bin{ending}": CONTENT,
        f"{prefix}/other.bin{ending}": b"abc",
    }
    unpack(archive, pack(members), folder)
    assert {path.name for path in folder.parents[1].rglob("*.bin")} == {"values.bin", "other.bin"}
    assert (folder / "values.bin").read_bytes() == CONTENT


def test_a_link_is_not_followed(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(CONTENT)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo("set/values.bin")
            info.type, info.linkname = kind, str(folder.parent / "secret")
            tar.addfile(info)
    with pytest.raises(DamagedArchive):
        unpack(TAR, buffer.getvalue(), folder)
    assert not (folder / "values.bin").exists()


@pytest.mark.parametrize(
    ("archive", "content", "reason"),
    [
        (TAR, tar_archive({"set/values.bin": CONTENT}), "it lacks set/other.bin"),
        (ZIP, in_zip({"gzip/values.bin.gz": CONTENT}), "it lacks gzip/other.bin.gz"),
        (GZIP, gzip.compress(CONTENT[:-1]), "its file values.bin has 4,095 bytes instead of 4,096"),
        (GZIP, gzip.compress(CONTENT + b"x"), "its file values.bin has at least 4,097 bytes instead of 4,096"),
        (GZIP, gzip.compress(b"\x07" + CONTENT[1:]), "its file values.bin doesn't start with 00 01 02 03"),
        (GZIP, gzip.compress(CONTENT[:-1] + b"\x07"), f"expected {FILE.sha256}"),
        (GZIP, gzip.compress(CONTENT)[:-20], "it can't be decompressed"),
        (GZIP, CONTENT, "it can't be decompressed"),
        (TAR, CONTENT, "it can't be decompressed"),
        (ZIP, CONTENT, "it can't be decompressed"),
        (ZIP, zip_archive({"gzip/values.bin.gz": CONTENT, "gzip/other.bin.gz": b"abc"}), "it can't be decompressed"),
    ],
)
def test_a_damaged_archive_is_reported(archive: Archive, content: bytes, reason: str, folder: Path) -> None:
    with pytest.raises(DamagedArchive) as error:
        unpack(archive, content, folder)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_no_more_is_written_than_the_published_size(folder: Path) -> None:
    bomb = gzip.compress(CONTENT[:4] + bytes(50 << 20))
    with pytest.raises(DamagedArchive, match="at least"):
        unpack(GZIP, bomb, folder)
    assert (folder / "values.bin").stat().st_size <= FILE.size + 1
