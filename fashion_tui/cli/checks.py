"""What `doctor` looks at beside torch and the data: the runs folder, the playground's kernel, the terminal."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from fashion_tui import __version__
from fashion_tui.report.glyphs import supports_unicode
from fashion_tui.schema.replies import Check

SMALLEST_TERMINAL = (60, 20)
"""Columns and lines that the app needs."""

LEAST_SPACE = 100 * 2**20
"""Bytes on the disk of the runs, for checkpoints."""

PACKAGES = ("textual", "rich", "jupyter_client", "msgspec")


def check_versions() -> Check:
    python = ".".join(str(part) for part in sys.version_info[:3])
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return Check(name="fashion-tui", ok=True, detail=f"{__version__}, Python {python}, {packages}")


def check_runs(directory: Path) -> Check:
    """Whether runs can be written; makes no folder where there is none."""
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    way_out = "name another folder with --runs DIR or FASHION_TUI_RUNS"
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        return Check(name="runs", ok=False, detail=f"{directory} can't be written: {error.strerror}; {way_out}")
    detail = f"{directory}, {free / 2**30:.1f} GiB free"
    if free < LEAST_SPACE:
        return Check(name="runs", ok=False, detail=f"{detail}: too little for checkpoints; {way_out}")
    return Check(name="runs", ok=True, detail=detail)


def check_kernel() -> Check:
    try:
        version = importlib.metadata.version("ipykernel")
    except importlib.metadata.PackageNotFoundError:
        return Check(name="playground", ok=False, detail="ipykernel isn't installed: pip install ipykernel")
    return Check(name="playground", ok=True, detail=f"ipykernel {version}")


def check_logout() -> Check:
    """Whether this system's systemd ends what a person has started when the person logs out."""
    kills = _loginctl("KillUserProcesses", "show-user")
    if kills is None:
        return Check(name="logout", ok=True, detail="no systemd-logind here: runs go on after logout")
    if kills != "yes":
        return Check(name="logout", ok=True, detail="runs go on after logout")
    started = "start with: systemd-run --user --scope fashion-tui"
    if _loginctl("Linger", "show-user", str(os.getuid())) == "yes":
        return Check(name="logout", ok=True, detail=f"lingering is on; {started}, or logout ends the runs")
    detail = f"this site ends processes at logout (KillUserProcesses): loginctl enable-linger, then {started}"
    return Check(name="logout", ok=False, detail=detail)


def _loginctl(name: str, *arguments: str) -> str | None:
    """The value of a property of systemd-logind; None where it can't be had."""
    try:
        answer = subprocess.run(
            ["loginctl", *arguments, f"--property={name}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    found = [line.partition("=")[2] for line in answer.stdout.splitlines() if line.startswith(f"{name}=")]
    return found[0] if found else None


def check_terminal() -> Check:
    """The terminal of stderr, since stdout may be a pipe."""
    if not sys.stderr.isatty():
        return Check(name="terminal", ok=True, detail="none here: the commands work, the app needs one")
    console = Console(stderr=True)
    columns, lines = os.get_terminal_size(sys.stderr.fileno())
    colours = {None: "no colours", "standard": "16 colours", "256": "256 colours", "truecolor": "true colour"}
    found = [
        os.environ.get("TERM") or "TERM unset",
        f"{columns}×{lines}",
        colours.get(console.color_system, "16 colours"),
        "Unicode" if supports_unicode(os.environ) else "ASCII only",
        *(["over SSH"] if "SSH_CONNECTION" in os.environ else []),
        *(["in tmux"] if "TMUX" in os.environ else []),
    ]
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return Check(
            name="terminal", ok=False, detail=f"{', '.join(found)}: can't be drawn on; try TERM=xterm-256color"
        )
    if columns < SMALLEST_TERMINAL[0] or lines < SMALLEST_TERMINAL[1]:
        needed = "×".join(str(length) for length in SMALLEST_TERMINAL)
        return Check(name="terminal", ok=False, detail=f"{', '.join(found)}: too small, the app needs {needed}")
    return Check(name="terminal", ok=True, detail=", ".join(found))
