"""Where the data is looked for, and what is said of files that aren't as they should be."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_tui.data import files
from fashion_tui.data.checks import check_data
from fashion_tui.data.sources import FASHION_MNIST
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError

from .conftest import SmallSet

Look = Callable[[DatasetRef], object]

THREE_WAYS_OUT = ("--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


class TestFind:
    def test_a_named_folder_comes_before_the_variable_and_the_variable_before_the_cache(
        self, fashion: SmallSet, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named, variable = tmp_path / "named", tmp_path / "variable"
        for directory in (named, variable, cache):
            fashion.write(directory)
        assert files.find("fashion-mnist").directory == str(cache)
        monkeypatch.setenv("FASHION_TUI_DATA", str(variable))
        assert files.find("fashion-mnist").directory == str(variable)
        assert files.find("fashion-mnist", named).directory == str(named)

    def test_gzipped_files_are_found(self, fashion: SmallSet, tmp_path: Path) -> None:
        fashion.write(tmp_path / "data", gzipped=True)
        assert files.find("fashion-mnist", tmp_path / "data").directory == str(tmp_path / "data")

    def test_the_folder_is_absolute_since_a_trainer_may_start_elsewhere(
        self, fashion: SmallSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fashion.write(tmp_path / "data")
        monkeypatch.chdir(tmp_path)
        assert files.find("fashion-mnist", Path("data")).directory == str(tmp_path / "data")

    def test_without_any_data_the_error_names_the_three_ways_out(self) -> None:
        with pytest.raises(files.MissingData) as error:
            files.find("fashion-mnist")
        assert all(way in one_line(error) for way in (*THREE_WAYS_OUT, "download"))

    def test_an_incomplete_cache_is_for_the_download_to_mend(self, fashion: SmallSet, cache: Path) -> None:
        (fashion.write(cache) / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(files.MissingData):
            files.find("fashion-mnist")

    @pytest.mark.parametrize("by_variable", [False, True])
    def test_a_named_folder_that_is_missing_or_empty_is_never_passed_over(
        self, fashion: SmallSet, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, *, by_variable: bool
    ) -> None:
        fashion.write(cache)
        directory = tmp_path / "nowhere"
        if by_variable:
            monkeypatch.setenv("FASHION_TUI_DATA", str(directory))
        argument = None if by_variable else directory
        with pytest.raises(files.WrongFolder, match="doesn't exist") as error:
            files.find("fashion-mnist", argument)
        assert str(directory) in one_line(error)
        assert ("FASHION_TUI_DATA" if by_variable else "--data") in one_line(error)
        assert "--dataset synthetic" in one_line(error)
        directory.mkdir()
        with pytest.raises(files.WrongFolder, match="has no folder FashionMNIST/raw"):
            files.find("fashion-mnist", argument)

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        with pytest.raises(files.WrongFolder, match="is no folder"):
            files.find("fashion-mnist", tmp_path / "data")

    def test_what_is_missing_of_a_folder_is_named(self, fashion: SmallSet, tmp_path: Path) -> None:
        (fashion.write(tmp_path / "data") / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(files.WrongFolder, match=r"lacks t10k-labels-idx1-ubyte \(.gz or not\)"):
            files.find("fashion-mnist", tmp_path / "data")

    @pytest.mark.parametrize("inner", ["FashionMNIST", "FashionMNIST/raw"])
    def test_who_names_a_folder_inside_the_right_one_is_told_that_one(
        self, fashion: SmallSet, tmp_path: Path, inner: str
    ) -> None:
        fashion.write(tmp_path / "data")
        with pytest.raises(files.WrongFolder) as error:
            files.find("fashion-mnist", tmp_path / "data" / inner)
        assert f"(try {tmp_path / 'data'})" in one_line(error)

    def test_an_unknown_set_is_answered_with_those_there_are(self) -> None:
        with pytest.raises(UsageError, match=r"'cifar'.*fashion-mnist, synthetic"):
            files.find("cifar")

    def test_synthetic_needs_no_files(self) -> None:
        ref = files.find("synthetic")
        assert (ref.directory, files.train_size(ref)) == (None, 12_000)
        assert files.verify(ref) == ref

    def test_no_torch_is_imported_and_no_network_library(self) -> None:
        code = (
            "import sys; from fashion_tui.data import checks, download, files; files.find('synthetic'); "
            "print([m for m in ('torch', 'numpy', 'requests', 'pooch', 'textual') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestVerify:
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_whole_files_get_the_sum_of_the_set_compressed_or_not(
        self, fashion: SmallSet, tmp_path: Path, *, gzipped: bool
    ) -> None:
        fashion.write(tmp_path / "data", gzipped=gzipped)
        ref = files.find("fashion-mnist", tmp_path / "data")
        assert ref.sha256 == ""
        assert files.verify(ref).sha256 == fashion.source.sha256
        assert len(fashion.source.sha256) == 64
        for numbers, file in zip(files.read(ref), fashion.source.files, strict=True):
            assert file.header + numbers == fashion.contents[file.name]

    @pytest.mark.parametrize("look", [files.verify, files.read])
    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda content: content[:5000], "it has 5,000 bytes instead of 9,424"),
            (lambda content: content[:10], "it has 10 bytes instead of 9,424"),
            (lambda content: content + b"\0", "it has 9,425 bytes instead of 9,424"),
            (lambda _: b"", "it is empty"),
            (lambda content: content[:700] + bytes([content[700] ^ 4]) + content[701:], "its content differs"),
            (lambda content: b"\0\0\x08\x01" + content[4:], "it begins with 00 00 08 01 instead of 00 00 08 03"),
            (lambda content: b"\x89PNG" + content[4:], "it begins with 89 50 4e 47 instead of 00 00 08 03"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_a_damaged_file_is_named_with_the_reason_both_sums_and_the_way_out(
        self,
        fashion: SmallSet,
        tmp_path: Path,
        look: Look,
        damage: Callable[[bytes], bytes],
        reason: str,
        *,
        gzipped: bool,
    ) -> None:
        raw = fashion.write(tmp_path / "data", gzipped=gzipped)
        file = fashion.source.train_images
        content = damage(fashion.contents[file.name])
        path = raw / (f"{file.name}.gz" if gzipped else file.name)
        path.write_bytes(gzip.compress(content) if gzipped else content)
        with pytest.raises(files.DamagedData) as error:
            look(files.find("fashion-mnist", tmp_path / "data"))
        message = one_line(error)
        assert str(path) in message
        assert reason in message
        assert hashlib.sha256(content).hexdigest() in message
        assert file.sha256 in message
        assert "--data DIR, or use --dataset synthetic" in message

    @pytest.mark.parametrize("look", [files.verify, files.read])
    @pytest.mark.parametrize("place", [30, 2000, -6])
    @pytest.mark.parametrize("cut", [False, True])
    def test_a_broken_gzip_is_named(
        self, fashion: SmallSet, tmp_path: Path, look: Look, place: int, *, cut: bool
    ) -> None:
        raw = fashion.write(tmp_path / "data", gzipped=True)
        path = raw / "t10k-images-idx3-ubyte.gz"
        packed = bytearray(path.read_bytes())
        packed[place] ^= 255
        path.write_bytes(packed[:place] if cut else packed)
        with pytest.raises(files.DamagedData) as error:
            look(files.find("fashion-mnist", tmp_path / "data"))
        assert str(path) in one_line(error)
        assert "--dataset synthetic" in one_line(error)

    @pytest.mark.parametrize("look", [files.verify, files.read])
    def test_a_file_that_cannot_be_read_is_named(self, fashion: SmallSet, tmp_path: Path, look: Look) -> None:
        path = fashion.write(tmp_path / "data") / "train-labels-idx1-ubyte"
        path.unlink()
        path.symlink_to("/proc/self/mem")
        if not path.is_file():
            pytest.skip("needs Linux's /proc for a file that opens and can't be read")
        with pytest.raises(files.DamagedData, match="can't be read") as error:
            look(files.find("fashion-mnist", tmp_path / "data"))
        assert str(path) in one_line(error)

    def test_a_file_that_went_away_after_it_was_found(self, fashion: SmallSet, tmp_path: Path) -> None:
        raw = fashion.write(tmp_path / "data")
        ref = files.find("fashion-mnist", tmp_path / "data")
        (raw / "train-labels-idx1-ubyte").unlink()
        with pytest.raises(files.DamagedData, match="train-labels-idx1-ubyte is gone"):
            files.verify(ref)

    def test_the_way_out_of_a_damaged_cache_is_a_new_download(self, fashion: SmallSet, cache: Path) -> None:
        (fashion.write(cache) / "train-labels-idx1-ubyte").write_bytes(b"")
        with pytest.raises(files.DamagedData, match="delete it and `fashion-tui train` downloads it again"):
            files.verify(files.find("fashion-mnist"))


class TestDoctor:
    def test_it_says_where_a_whole_set_lies(self, real_data: Path) -> None:
        check = check_data(real_data)
        assert check.ok
        assert "60,000 + 10,000" in check.detail
        assert str(real_data) in check.detail

    def test_it_says_what_to_do_without_one(self) -> None:
        check = check_data()
        assert not check.ok
        assert all(way in check.detail for way in THREE_WAYS_OUT)

    def test_it_sees_damage(self, fashion: SmallSet, tmp_path: Path) -> None:
        (fashion.write(tmp_path / "data") / "train-labels-idx1-ubyte").write_bytes(b"nonsense")
        check = check_data(tmp_path / "data")
        assert not check.ok
        assert "train-labels-idx1-ubyte is damaged" in check.detail


def test_the_real_set_is_whole(real_data: Path) -> None:
    ref = files.verify(files.find("fashion-mnist", real_data))
    assert ref.sha256 == FASHION_MNIST.sha256
    assert files.train_size(ref) == 60_000


def test_the_table_is_torchvisions() -> None:
    from torchvision.datasets import FashionMNIST  # noqa: PLC0415 - takes seconds, and only this test needs it

    assert list(FASHION_MNIST.mirrors) == FashionMNIST.mirrors
    assert [(f"{file.name}.gz", file.gz_md5) for file in FASHION_MNIST.files] == FashionMNIST.resources
    assert list(FASHION_MNIST.classes) == FashionMNIST.classes
    assert FASHION_MNIST.folder == FashionMNIST.__name__
