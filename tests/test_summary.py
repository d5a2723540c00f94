"""The lines that the tests print at the end."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest
from pathlib import Path

@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_second_time(name):
    marker = Path(__file__).with_name(name)
    if name != "c" and not marker.exists():
        marker.touch()
        raise ValueError(f"{name} is missing")
"""


def run_pytest(folder: Path, *options: str) -> list[str]:
    """Run the tests above in a new process, and return the lines that it prints."""
    (folder / "test_some.py").write_text(TESTS)
    plugins = ("-p", "tests.summary", "-p", "no:cacheprovider")
    command = (sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(folder), *plugins)
    repository = Path(__file__).parents[1]
    done = subprocess.run(
        (*command, *options, str(folder)), cwd=repository, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout.splitlines()


def test_each_test_that_needed_a_rerun_is_named_with_its_first_failure(tmp_path: Path) -> None:
    lines = run_pytest(tmp_path, "--reruns", "1", "-n", "2")
    assert "3 passed, 2 rerun" in lines[-1]
    assert "RERUN test_some.py::test_second_time[a] - ValueError: a is missing" in lines
    assert "RERUN test_some.py::test_second_time[b] - ValueError: b is missing" in lines
    assert "2 tests needed a rerun: each is a defect" in lines
    assert not any("[c]" in line for line in lines)
    assert "E           ValueError: a is missing" in lines, "the whole failure"


def test_the_seed_of_a_random_order_is_named(tmp_path: Path) -> None:
    lines = run_pytest(tmp_path, "--reruns", "1", "--random-order-seed", "7")
    assert any("--random-order-seed=7" in line for line in lines)
    assert not any("--random-order-seed" in line for line in run_pytest(tmp_path))
