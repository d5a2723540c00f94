"""Which terminals show Unicode."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fashion_tui.machine.terminal import find_obstacle


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        ({}, None),
        ({"LANG": "C"}, "LANG=C.UTF-8"),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, None),
        ({"LANG": "de_CH.UTF-8", "LC_ALL": "POSIX"}, "LANG=C.UTF-8"),
        ({"LANG": "de_CH.UTF-8"}, None),
        ({"LANG": "de_CH.utf8@euro"}, None),
        ({"LANG": "de_CH.ISO-8859-1"}, "LANG=C.UTF-8"),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, None),
        ({"STY": "1.pts"}, "LANG=C.UTF-8 screen"),
        ({"STY": "1.pts", "LANG": "de_CH.UTF-8"}, None),
    ],
)
def test_the_locale_decides(environ: dict[str, str], remedy: str | None) -> None:
    obstacle = find_obstacle(environ, is_terminal=True)
    assert (obstacle and obstacle.remedy) == remedy
    if "STY" in environ:
        assert find_obstacle(environ, is_terminal=False) is None


@pytest.mark.parametrize(
    ("answer", "environ", "remedy"),
    [
        ("echo 1", {}, None),
        ("echo 0", {}, "tmux -u"),
        ("echo 0", {"LANG": "de_CH.UTF-8"}, "tmux -u"),
        ("echo 1", {"LANG": "C"}, "LANG=C.UTF-8"),
        ("echo", {}, "tmux -u"),  # no client, or a tmux that doesn't know client_utf8
        ("echo", {"LANG": "de_CH.UTF-8"}, None),
        ("exit 1", {}, "tmux -u"),
    ],
)
def test_tmux_is_asked(tmp_path: Path, answer: str, environ: dict[str, str], remedy: str | None) -> None:
    tmux = tmp_path / "tmux"
    tmux.write_text(f"#!/bin/sh\n[ \"$*\" = 'display-message -p #{{client_utf8}}' ] && {answer}\n")
    tmux.chmod(0o755)
    in_tmux = {"TMUX": "/tmp/tmux-1/default,1,0", "PATH": f"{tmp_path}:{os.environ['PATH']}", **environ}
    obstacle = find_obstacle(in_tmux, is_terminal=True)
    assert (obstacle and obstacle.remedy) == remedy


@pytest.mark.parametrize(("environ", "expected"), [({}, "GNU screen"), ({"LC_CTYPE": "C.UTF-8"}, "None")])
def test_the_locale_is_that_before_pythons_coercion(environ: dict[str, str], expected: str) -> None:
    """Python sets LC_CTYPE to C.UTF-8 in the C locale."""
    program = (
        "import os; from fashion_tui.machine.terminal import _initial_environ, find_obstacle; "
        "print(os.environ['LC_CTYPE'], find_obstacle(_initial_environ(), is_terminal=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "STY": "1.pts", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "C.UTF-8" in done.stdout
    assert expected in done.stdout
