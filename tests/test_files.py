"""A file is replaced completely or not at all, and read with a limit."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from fashion_tui.files import make_private_folder, read_limited, read_tail, write_atomically
from fashion_tui.target import write_error
from tests.disk_calls import recorded_disk_calls
from tests.runs.parts import kill, read_line, run_python

ENDLESS = """
import itertools, sys
from pathlib import Path
from fashion_tui.files import write_atomically
for i in itertools.count():
    write_atomically(Path(sys.argv[1]), bytes([i % 256]) * 300_000, durable=False)
    if i == 0: print("started")
"""

FULL = """
import resource, sys
from pathlib import Path
from fashion_tui.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"x" * 5000)
except OSError as error:
    print("refused", error.errno)
"""


def test_the_new_content_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"ne")
        file.write(b"w")

    write_atomically(path, write)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_content_is_on_disk_before_its_name(tmp_path: Path) -> None:
    """The content is smaller than Python's buffer, which must be empty when the file is synced."""
    path = tmp_path / "file"
    with recorded_disk_calls() as calls:
        write_atomically(path, b"x" * 5000)
        assert calls == ["sync file (5000 bytes)", "rename file", f"sync {tmp_path.name}"]
        calls.clear()
        write_atomically(path, b"y", durable=False)
        assert calls == ["rename file"]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    process = run_python(FULL, str(path))
    assert read_line(process).startswith("refused")
    process.communicate()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_a_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(3):
        process = run_python(ENDLESS, str(path))
        read_line(process)
        for _ in range(100):
            assert_complete(path)
        kill(process)
        assert_complete(path)


def assert_complete(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) == 300_000
    assert content.count(content[:1]) == 300_000


def test_no_more_than_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_limited(path, 10) == b"0123456789"
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_limited(path, 9)
    assert read_tail(path, 3) == b"789"
    assert read_tail(path, 100) == b"0123456789"
    os.truncate(path, 1 << 40)  # sparse
    with pytest.raises(OSError, match="larger than 1,000 bytes"):
        read_limited(path, 1000)
    assert read_tail(path, 2) == b"\0\0"


@pytest.mark.timeout(20)
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (read_limited, read_tail):
            with pytest.raises(OSError, match="not a regular file"):
                read(path, 10)


def test_private_folders_ignore_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        make_private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")} == {0o700}


EXITING = """
import os, sys
from pathlib import Path
from fashion_tui.files import remove_unfinished_files, write_atomically

def write(file):
    file.write(b"half")
    file.flush()
    print(len(list(Path(sys.argv[1]).parent.iterdir())), flush=True)
    remove_unfinished_files()
    os._exit(0)

write_atomically(Path(sys.argv[1]), write)
"""


def test_a_process_that_exits_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with run_python(EXITING, str(tmp_path / "x.csv")) as process:
        assert read_line(process) == "1"
        process.wait()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "advice"), [(errno.ENOSPC, "free space"), (errno.ENAMETOOLONG, "shorter name")])
def test_the_advice_fits_the_reason(number: int, advice: str) -> None:
    assert advice in str(write_error(Path("x.csv"), OSError(number, os.strerror(number))))
