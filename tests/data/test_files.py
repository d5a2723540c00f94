"""Finding and verifying the files of a data set."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_tui.cli.commands.doctor import check_data
from fashion_tui.data import files, preparation
from fashion_tui.data.published import DatasetSource
from fashion_tui.data.sources import CIFAR10, CIFAR100, FASHION_MNIST
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError

from .conftest import SmallSet

Reader = Callable[[DatasetRef], object]


def read(ref: DatasetRef) -> object:
    return preparation.read(ref, lambda _done, _total: None, lambda: False)


ALTERNATIVES = ("--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")


def message_of(error: pytest.ExceptionInfo[Exception]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


class TestFind:
    def test_an_argument_overrides_the_variable_which_overrides_the_cache(
        self, fashion: SmallSet, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        argument, variable = tmp_path / "argument", tmp_path / "variable"
        for directory in (argument, variable, cache):
            fashion.write(directory)
        assert files.find("fashion-mnist").directory == str(cache)
        monkeypatch.setenv("FASHION_TUI_DATA", str(variable))
        assert files.find("fashion-mnist").directory == str(variable)
        assert files.find("fashion-mnist", argument).directory == str(argument)

    def test_gzipped_files_are_found(self, fashion: SmallSet, tmp_path: Path) -> None:
        fashion.write(tmp_path / "data", gzipped=True)
        assert files.find("fashion-mnist", tmp_path / "data").directory == str(tmp_path / "data")

    def test_the_folder_is_absolute_because_trainers_start_in_other_folders(
        self, fashion: SmallSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fashion.write(tmp_path / "data")
        monkeypatch.chdir(tmp_path)
        assert files.find("fashion-mnist", Path("data")).directory == str(tmp_path / "data")

    def test_the_error_without_data_lists_alternatives(self) -> None:
        with pytest.raises(files.MissingData) as error:
            files.find("fashion-mnist")
        assert all(alternative in message_of(error) for alternative in (*ALTERNATIVES, "download"))

    def test_an_incomplete_cache_can_be_completed_by_a_download(self, fashion: SmallSet, cache: Path) -> None:
        (fashion.write(cache) / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(files.MissingData):
            files.find("fashion-mnist")

    @pytest.mark.parametrize("by_variable", [False, True])
    def test_a_specified_folder_that_is_missing_or_empty_is_an_error(
        self, fashion: SmallSet, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, *, by_variable: bool
    ) -> None:
        fashion.write(cache)
        directory = tmp_path / "nowhere"
        if by_variable:
            monkeypatch.setenv("FASHION_TUI_DATA", str(directory))
        argument = None if by_variable else directory
        with pytest.raises(files.WrongFolder, match="doesn't exist") as error:
            files.find("fashion-mnist", argument)
        assert str(directory) in message_of(error)
        assert ("FASHION_TUI_DATA" if by_variable else "--data") in message_of(error)
        assert "--dataset synthetic" in message_of(error)
        directory.mkdir()
        with pytest.raises(files.WrongFolder, match="has no folder FashionMNIST/raw"):
            files.find("fashion-mnist", argument)

    def test_each_set_has_its_own_folder(self, any_set: SmallSet, tmp_path: Path) -> None:
        any_set.write(tmp_path / "data")
        name, folder = any_set.source.name, tmp_path / "data" / any_set.source.folder
        assert files.find(name, tmp_path / "data").directory == str(tmp_path / "data")
        with pytest.raises(files.WrongFolder, match=re.escape(f"(try {tmp_path / 'data'})")):
            files.find(name, folder)

    @pytest.mark.parametrize("source", [CIFAR10, CIFAR100])
    def test_pickled_files_are_not_read(self, source: DatasetSource, tmp_path: Path) -> None:
        from torchvision import datasets  # noqa: PLC0415 - takes seconds to import

        pickled = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source.name].base_folder
        (tmp_path / "data" / pickled).mkdir(parents=True)
        with pytest.raises(files.WrongFolder, match=f"no folder {source.folder}, only {pickled}.*unpickling"):
            files.find(source.name, tmp_path / "data")

    def test_the_command_for_a_download_names_the_set(self) -> None:
        with pytest.raises(files.MissingData, match=r"`fashion-tui train --dataset cifar10`.*--dataset synthetic"):
            files.find("cifar10")

    def test_a_file_instead_of_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        with pytest.raises(files.WrongFolder, match="is not a folder"):
            files.find("fashion-mnist", tmp_path / "data")

    def test_missing_files_are_listed(self, fashion: SmallSet, tmp_path: Path) -> None:
        (fashion.write(tmp_path / "data") / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(files.WrongFolder, match=r"lacks t10k-labels-idx1-ubyte"):
            files.find("fashion-mnist", tmp_path / "data")

    @pytest.mark.parametrize("inner", ["FashionMNIST", "FashionMNIST/raw"])
    def test_a_folder_inside_the_data_folder_is_recognised(self, fashion: SmallSet, tmp_path: Path, inner: str) -> None:
        fashion.write(tmp_path / "data")
        with pytest.raises(files.WrongFolder) as error:
            files.find("fashion-mnist", tmp_path / "data" / inner)
        assert f"(try {tmp_path / 'data'})" in message_of(error)

    def test_an_unknown_name_lists_the_data_sets(self) -> None:
        with pytest.raises(UsageError, match=r"'cifar'.*fashion-mnist, mnist.*cifar100, synthetic"):
            files.find("cifar")

    def test_synthetic_needs_no_files(self) -> None:
        ref = files.find("synthetic")
        assert ref.directory is None
        assert files.verify(ref) == ref

    def test_neither_torch_nor_network_libraries_are_imported(self) -> None:
        code = (
            "import sys; from fashion_tui.data import download, files; files.find('synthetic'); "
            "print([m for m in ('torch', 'requests', 'pooch', 'textual') if m in sys.modules])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "[]"


class TestVerify:
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_intact_files_yield_the_checksum_of_the_data_set(
        self, fashion: SmallSet, tmp_path: Path, *, gzipped: bool
    ) -> None:
        fashion.write(tmp_path / "data", gzipped=gzipped)
        ref = files.find("fashion-mnist", tmp_path / "data")
        assert ref.sha256 == ""
        assert files.verify(ref).sha256 == fashion.source.sha256
        assert len(fashion.source.sha256) == 64

    @pytest.mark.parametrize("reader", [files.verify, read])
    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda content: content[:5000], "it has 5,000 bytes instead of 15,696"),
            (lambda content: content[:10], "it has 10 bytes instead of 15,696"),
            (lambda content: content + b"\0", "it has 15,697 bytes instead of 15,696"),
            (lambda _: b"", "it is empty"),
            (lambda content: content[:700] + bytes([content[700] ^ 4]) + content[701:], "its content differs"),
            (lambda content: b"\0\0\x08\x01" + content[4:], "it starts with 00 00 08 01 instead of 00 00 08 03"),
            (lambda content: b"\x89PNG" + content[4:], "it starts with 89 50 4e 47 instead of 00 00 08 03"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_a_damaged_file_is_reported_with_reason_checksums_and_advice(
        self,
        fashion: SmallSet,
        tmp_path: Path,
        reader: Reader,
        damage: Callable[[bytes], bytes],
        reason: str,
        *,
        gzipped: bool,
    ) -> None:
        raw = fashion.write(tmp_path / "data", gzipped=gzipped)
        file = fashion.source.train.files[0]
        content = damage(fashion.contents[file.name])
        path = raw / (f"{file.name}.gz" if gzipped else file.name)
        path.write_bytes(gzip.compress(content) if gzipped else content)
        with pytest.raises(files.DamagedData) as error:
            reader(files.find("fashion-mnist", tmp_path / "data"))
        message = message_of(error)
        assert str(path) in message
        assert reason in message
        assert hashlib.sha256(content).hexdigest() in message
        assert str(file.sha256) in message
        assert "with --data DIR, or use --dataset synthetic" in message

    @pytest.mark.timeout(20)
    @pytest.mark.parametrize("gzipped", [False, True])
    def test_an_endless_file_is_not_read_to_its_end(self, fashion: SmallSet, tmp_path: Path, *, gzipped: bool) -> None:
        raw = fashion.write(tmp_path / "data", gzipped=gzipped)
        path = raw / f"{fashion.source.train.files[0].name}{'.gz' if gzipped else ''}"
        if gzipped:
            header, zeros = fashion.source.train.files[0].header, gzip.compress(bytes(1 << 20))
            path.write_bytes(gzip.compress(header) + zeros * 2_000)
        else:
            os.truncate(path, 1 << 40)  # sparse
        with pytest.raises(files.DamagedData, match="at least 31,392 bytes instead of 15,696"):
            files.verify(files.find("fashion-mnist", tmp_path / "data"))

    @pytest.mark.parametrize("reader", [files.verify, read])
    @pytest.mark.parametrize("index", [30, 2000, -6])
    @pytest.mark.parametrize("truncated", [False, True])
    def test_an_invalid_gzip_file_is_reported(
        self, fashion: SmallSet, tmp_path: Path, reader: Reader, index: int, *, truncated: bool
    ) -> None:
        raw = fashion.write(tmp_path / "data", gzipped=True)
        path = raw / "t10k-images-idx3-ubyte.gz"
        packed = bytearray(path.read_bytes())
        packed[index] ^= 255
        path.write_bytes(packed[:index] if truncated else packed)
        with pytest.raises(files.DamagedData) as error:
            reader(files.find("fashion-mnist", tmp_path / "data"))
        assert str(path) in message_of(error)
        assert "--dataset synthetic" in message_of(error)

    @pytest.mark.parametrize("reader", [files.verify, read])
    def test_an_unreadable_file_is_reported(self, fashion: SmallSet, tmp_path: Path, reader: Reader) -> None:
        path = fashion.write(tmp_path / "data") / "train-labels-idx1-ubyte"
        path.unlink()
        path.symlink_to("/proc/self/mem")
        if not path.is_file():
            pytest.skip("needs a file in /proc that can be opened but not read")
        with pytest.raises(files.DamagedData, match="can't be read") as error:
            reader(files.find("fashion-mnist", tmp_path / "data"))
        assert str(path) in message_of(error)

    def test_a_file_that_was_deleted_after_it_was_found(self, fashion: SmallSet, tmp_path: Path) -> None:
        raw = fashion.write(tmp_path / "data")
        ref = files.find("fashion-mnist", tmp_path / "data")
        (raw / "train-labels-idx1-ubyte").unlink()
        with pytest.raises(files.DamagedData, match="train-labels-idx1-ubyte no longer exists"):
            files.verify(ref)

    def test_a_damaged_cache_can_be_downloaded_again(self, fashion: SmallSet, cache: Path) -> None:
        (fashion.write(cache) / "train-labels-idx1-ubyte").write_bytes(b"")
        with pytest.raises(files.DamagedData, match="delete it to let `fashion-tui train` download it again"):
            files.verify(files.find("fashion-mnist"))


class TestDoctor:
    def test_an_intact_data_set_is_located(self, real_data: Path) -> None:
        check = check_data(real_data)
        assert check.ok
        assert "60,000 + 10,000" in check.detail
        assert str(real_data) in check.detail

    def test_missing_data_is_reported_with_alternatives(self) -> None:
        check = check_data()
        assert not check.ok
        assert all(alternative in check.detail for alternative in ALTERNATIVES)

    def test_the_requested_data_set_is_checked(self, any_set: SmallSet, tmp_path: Path) -> None:
        any_set.write(tmp_path / "data")
        check = check_data(tmp_path / "data", any_set.source)
        assert check.ok
        assert check.name.endswith(any_set.source.title)
        assert "20 + 6 images" in check.detail
        assert ("checksums match" in check.detail) == (any_set.source.sha256 is not None)

    def test_damage_is_reported(self, fashion: SmallSet, tmp_path: Path) -> None:
        (fashion.write(tmp_path / "data") / "train-labels-idx1-ubyte").write_bytes(b"nonsense")
        check = check_data(tmp_path / "data")
        assert not check.ok
        assert "train-labels-idx1-ubyte is damaged" in check.detail


def test_fashion_mnist_is_intact(real_data: Path) -> None:
    ref = files.verify(files.find("fashion-mnist", real_data))
    assert ref.sha256 == FASHION_MNIST.sha256
    info = preparation.prepare(ref, lambda _done, _total: None, lambda: False).info
    assert (info.train_size, info.test_size, info.image_shape) == (60_000, 10_000, (1, 28, 28))
    assert info.mean == pytest.approx((0.2860,), abs=5e-5)
    assert info.std == pytest.approx((0.3530,), abs=5e-5)
