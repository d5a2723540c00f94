"""`fashion-tui doctor`."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fashion_tui import __version__
from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import show, write_json
from fashion_tui.data.files import find, verify
from fashion_tui.data.published import DatasetSource
from fashion_tui.data.sources import FASHION_MNIST, SOURCES
from fashion_tui.machine.terminal import unicode_obstacle
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD, GOOD
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import HealthCheck
from fashion_tui.schema.requests import GetTorchReport

REQUIRED = frozenset({"torch", "runs"})
"""Names of the checks that training requires. If one of them fails, the command fails."""

DATA = "data: "
"""Prefix of the names of checks of data set files. Synthetic data and folders of images need no such check."""

MIN_COLUMNS, MIN_LINES = 60, 20
"""Size of the smallest terminal that the app supports."""

MIN_FREE_BYTES = 100 * 2**20
"""Free disk space needed for checkpoints, in bytes."""

PACKAGES = ("textual", "rich", "jupyter_client", "msgspec")


@click.command(
    "doctor",
    epilog="""\b
Examples:
  fashion-tui doctor
  fashion-tui doctor --json | jq '.checks[] | select(.ok | not)'""",
)
@json_option
@common_options
def doctor_command(*, as_json: bool, common: CommonOptions) -> None:
    """Check the installation and say how to fix problems.

    If training is impossible because torch doesn't work or runs can't be written, the exit status is 1 and the reason
    is printed to stderr.
    """
    checks = (
        _check_versions(),
        *_check_torch(),
        check_data(common.data, SOURCES.get(common.dataset_name, FASHION_MNIST)),
        _check_runs(common),
        _check_logout(),
        _check_kernel(),
        _check_terminal(),
    )
    if as_json:
        write_json({"checks": checks})
    else:
        show(_table(checks, common.dataset_name))
    failures = [check for check in checks if not check.ok and check.name in REQUIRED]
    if failures:
        raise UserError("; ".join(f"{check.name}: {check.detail}" for check in failures))


def _table(checks: tuple[HealthCheck, ...], dataset: str) -> Table:
    glyphs = terminal_glyphs()
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in checks:
        mark = Text(glyphs.good, GOOD) if check.ok else Text(glyphs.bad, BAD)
        detail = check.detail
        if check.name.startswith(DATA) and not check.ok and dataset not in SOURCES:
            mark, detail = Text(), f"not available, and not needed for {dataset} data"
        table.add_row(mark, Text(check.name), Text(detail))
    return table


def _check_versions() -> HealthCheck:
    python = ".".join(str(part) for part in sys.version_info[:3])
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return HealthCheck(name="fashion-tui", ok=True, detail=f"{__version__}, Python {python}, {packages}")


def _check_torch() -> tuple[HealthCheck, ...]:
    try:
        return ask_engine(GetTorchReport(), tuple[HealthCheck, ...], "checking torch")
    except UserError as error:
        return (HealthCheck(name="torch", ok=False, detail=str(error)),)


def check_data(directory: Path | None = None, source: DatasetSource = FASHION_MNIST) -> HealthCheck:
    """Check that a published data set is present and intact. Hashing the files takes 0.1 to 0.5 s."""
    name = f"{DATA}{source.title}"
    try:
        ref = verify(find(source.name, directory))
    except UserError as error:
        return HealthCheck(name=name, ok=False, detail=str(error))
    result = (
        "sizes match (SHA-256 is known only for the archives)" if source.sha256 is None else "checksums match (SHA-256)"
    )
    detail = f"{source.train.images:,} + {source.test.images:,} images in {ref.directory}, {result}"
    return HealthCheck(name=name, ok=True, detail=detail)


def _check_runs(common: CommonOptions) -> HealthCheck:
    """Check that runs can be written to the runs folder, without creating the folder."""
    try:
        directory = common.runs_directory
    except UserError as error:
        return HealthCheck(name="runs", ok=False, detail=str(error))
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    remedy = "choose another folder with --runs DIR or FASHION_TUI_RUNS"
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        return HealthCheck(name="runs", ok=False, detail=f"can't write {directory}: {error.strerror}; {remedy}")
    detail = f"{directory}, {free / 2**30:.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return HealthCheck(name="runs", ok=False, detail=f"{detail}, which is too little for checkpoints; {remedy}")
    return HealthCheck(name="runs", ok=True, detail=detail)


def _check_logout() -> HealthCheck:
    """Check whether systemd ends the user's processes at logout."""
    kills = _loginctl("KillUserProcesses", "show-user")
    if kills is None:
        return HealthCheck(name="logout", ok=True, detail="no systemd-logind, so runs continue after logout")
    if kills != "yes":
        return HealthCheck(name="logout", ok=True, detail="runs continue after logout")
    start = "start the app with: systemd-run --user --scope fashion-tui"
    if _loginctl("Linger", "show-user", str(os.getuid())) == "yes":
        return HealthCheck(name="logout", ok=True, detail=f"lingering is enabled; to keep runs after logout, {start}")
    return HealthCheck(
        name="logout",
        ok=False,
        detail=f"logout ends all processes (KillUserProcesses): run loginctl enable-linger, then {start}",
    )


def _loginctl(name: str, *arguments: str) -> str | None:
    """Return a property of systemd-logind, or None if the property isn't available."""
    try:
        completed = subprocess.run(
            ["loginctl", *arguments, f"--property={name}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    values = [line.partition("=")[2] for line in completed.stdout.splitlines() if line.startswith(f"{name}=")]
    return values[0] if values else None


def _check_kernel() -> HealthCheck:
    try:
        version = importlib.metadata.version("ipykernel")
    except importlib.metadata.PackageNotFoundError:
        return HealthCheck(name="playground", ok=False, detail="ipykernel isn't installed: pip install ipykernel")
    return HealthCheck(name="playground", ok=True, detail=f"ipykernel {version}")


def _check_terminal() -> HealthCheck:
    """Check the terminal on stderr, because stdout may be a pipe."""
    if not sys.stderr.isatty():
        return HealthCheck(name="terminal", ok=True, detail="no terminal; the app needs one, but the commands don't")
    console = Console(stderr=True)
    obstacle = unicode_obstacle()
    columns, lines = os.get_terminal_size(sys.stderr.fileno())
    colours = {None: "no colours", "standard": "16 colours", "256": "256 colours", "truecolor": "true colour"}
    facts = [
        os.environ.get("TERM") or "TERM unset",
        f"{columns}×{lines}",
        colours.get(console.color_system, "16 colours"),
        "Unicode" if obstacle is None else "ASCII only",
        *(["over SSH"] if "SSH_CONNECTION" in os.environ else []),
        *(["in tmux"] if "TMUX" in os.environ else []),
    ]
    detail = ", ".join(facts)
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return HealthCheck(
            name="terminal", ok=False, detail=f"{detail}: the app can't draw on it; try TERM=xterm-256color"
        )
    if columns < MIN_COLUMNS or lines < MIN_LINES:
        return HealthCheck(
            name="terminal", ok=False, detail=f"{detail}: too small; the app needs {MIN_COLUMNS}×{MIN_LINES}"
        )
    if obstacle is not None:
        return HealthCheck(
            name="terminal", ok=False, detail=f"{detail}: {obstacle.reason}; to see Unicode, use {obstacle.remedy}"
        )
    return HealthCheck(name="terminal", ok=True, detail=detail)
