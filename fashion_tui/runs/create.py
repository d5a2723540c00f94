"""Making the directory of a new run."""

import importlib.metadata
import os
import platform
import re
import secrets
import shutil
import subprocess
import time
import unicodedata
from pathlib import Path

import msgspec

from fashion_tui.machine.host import boot_id, host_name
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe, check_recipe
from fashion_tui.schema.run import FORMAT_VERSION, RunConfig, RunStatus, check_run_values

from .checkpoints import CHECKPOINTS_FOLDER
from .control import CONTROL_FOLDER
from .files import sync_folder, write_atomically
from .records import CONFIG_FILE, write_status
from .source import MODEL_FILE, describe_source, read_model
from .text import reason
from .trust import trust

RUN_ID = re.compile(r"(\d{8}-\d{6})-([a-z0-9-]+-[a-z0-9]{4})")
"""Time and name, the name with its four random characters."""

RANDOM_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
LONGEST_NAME = 40
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def new_run(  # noqa: PLR0913 - each is a choice of the person
    runs_dir: Path,
    *,
    recipe: Recipe,
    dataset: DatasetRef,
    seed: int,
    device: str,
    threads: int,
    deterministic: bool,
    validation: int,
    checkpoint_every: float,
    name: str | None = None,
    compiled: bool = False,
    network: CustomModel | None = None,
) -> Path:
    """Make the directory of a new run, in state `starting`; no trainer is started. Its name is the run's id.

    A `network` that the person has written is stored with it, and trusted from now on; the recipe's `model` is then
    what it is called. UsageError for a value that can't work, UserError where the folder can't be written. The
    directory appears with all that belongs into it, or not at all.
    """
    check_recipe(recipe, written=network is not None)
    config = RunConfig(
        format=FORMAT_VERSION,
        run="",
        created=time.time(),
        recipe=recipe,
        dataset=dataset,
        seed=seed,
        device=device,
        threads=threads,
        deterministic=deterministic,
        compiled=compiled,
        validation=validation,
        checkpoint_every=checkpoint_every,
        versions=library_versions(),
        git_revision=_git_revision(),
        host=host_name(),
        source=None if network is None else describe_source(network, recipe.model),
    )
    _check(config, name)
    try:
        run_path = _make(runs_dir.absolute(), config, name or _default_name(config), network)
    except OSError as error:
        raise UserError(
            f"can't make a run in {str(runs_dir)!r}: {reason(error)}; "
            "choose another folder with --runs or FASHION_TUI_RUNS"
        ) from error
    _trust(run_path, config)
    return run_path


def _default_name(config: RunConfig) -> str:
    return config.recipe.name if config.source is None else config.recipe.model[:LONGEST_NAME]


def _trust(run_path: Path, config: RunConfig) -> None:
    """What the person has just asked to train is executed unasked; there is no run where that can't be noted."""
    try:
        stored = read_model(run_path, config)
        if stored is not None:
            trust(stored)
    except UserError:
        shutil.rmtree(run_path, ignore_errors=True)
        raise


def _check(config: RunConfig, name: str | None) -> None:
    check_run_values(
        seed=config.seed,
        threads=config.threads,
        validation=config.validation,
        checkpoint_every=config.checkpoint_every,
    )
    if not DEVICE.fullmatch(config.device):
        raise UsageError(f"device is {config.device!r}; it must be auto, cpu, cuda, cuda:N or mps")
    if name is not None and not (name.isprintable() and len(name) <= LONGEST_NAME and _slug(name)):
        raise UsageError(
            f"name is {name!r}; it must have letters or digits (a-z, 0-9), {LONGEST_NAME} characters at most"
        )


def _make(runs_dir: Path, config: RunConfig, name: str, network: CustomModel | None) -> Path:
    """Fill a hidden directory and rename it: readers never see a run without its files."""
    runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = runs_dir / f".new-{secrets.token_hex(8)}"
    temporary.mkdir(mode=0o700)
    try:
        (temporary / CHECKPOINTS_FOLDER).mkdir(mode=0o700)
        (temporary / CONTROL_FOLDER).mkdir(mode=0o700)
        write_status(temporary, _first_status(config), durable=True)
        if network is not None:
            write_atomically(temporary / MODEL_FILE, network.source.encode())
        while True:
            run_path = runs_dir / _new_id(config.created, name)
            content = msgspec.json.encode(msgspec.structs.replace(config, run=run_path.name))
            write_atomically(temporary / CONFIG_FILE, msgspec.json.format(content, indent=2))
            if not run_path.exists():
                break
        temporary.rename(run_path)  # fails where a run of that name came in between: such a directory isn't empty
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(runs_dir)
    return run_path


def _first_status(config: RunConfig) -> RunStatus:
    return RunStatus(
        state="starting",
        step=0,
        steps_per_epoch=0,
        epoch=0,
        epochs=config.recipe.epochs,
        heartbeat=config.created,
        pid=None,
        pid_started=None,
        boot_id=boot_id(),
        host=config.host,
    )


def _new_id(created: float, name: str) -> str:
    clock = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    random = "".join(secrets.choice(RANDOM_ALPHABET) for _ in range(4))
    return f"{clock}-{_slug(name) or 'run'}-{random}"


def _slug(name: str) -> str:
    """Lower-case ASCII letters, digits and single dashes; letters lose their accents."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")


def library_versions() -> dict[str, str]:
    """Of Python, this package, torch and torchvision."""
    versions = {"python": platform.python_version()}
    for package in ("fashion-tui", "torch", "torchvision"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _git_revision() -> str | None:
    """The commit of the checkout that this package runs from; None where it runs from none."""
    checkout = Path(__file__).resolve().parents[2]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", "-C", str(checkout), "rev-parse", "--show-toplevel", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    top, _, revision = answer.stdout.strip().partition("\n")
    return revision if Path(top) == checkout else None
