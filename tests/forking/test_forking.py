"""A forked process can't be distinguished from one that was executed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .client import ForkServer
from .popen import replace_starts

COMMAND = (sys.executable, "-P", "-m", "tests.forking.description", "--fd", "é")


def describe(directory: Path, **options: Any) -> tuple[dict[str, Any], int]:
    """Start the process and return its description and its exit status."""
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=os.environ | {"COLOUR": "blue", "PYTHONIOENCODING": "latin-1"},
        **options,
    )
    assert process.stdout is not None
    if options["start_new_session"]:
        assert os.getpgid(process.pid) == process.pid
    description = json.loads(process.stdout.readline())
    assert description.pop("pid") == process.pid
    process.communicate("\n")
    return description, process.returncode


@pytest.mark.parametrize("new_session", [False, True])
def test_a_forked_process_is_like_an_executed_one(
    fork_server: ForkServer, tmp_path: Path, *, new_session: bool
) -> None:
    reader, writer = os.pipe()
    options = {"pass_fds": (writer,), "start_new_session": new_session}
    executed, _ = describe(tmp_path, **options)
    undo = replace_starts(fork_server.fork, fork_server.fixed)
    try:
        forked, status = describe(tmp_path, **options)
    finally:
        undo()
    for descriptor in (reader, writer):
        os.close(descriptor)
    assert status == 7
    for name, value in forked.items():
        assert value == executed[name], name
