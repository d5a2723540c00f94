"""Create the directory of a new run."""

import os
import platform
import re
import secrets
import shutil
import subprocess
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fashion_tui.files import make_private_folder
from fashion_tui.machine.host import boot_id, host_name
from fashion_tui.machine.libraries import installed_version
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import InvalidField, check_fields
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.paths import check_utf8
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.recipe_checks import check_recipe, check_validation
from fashion_tui.schema.run import (
    FORMAT_VERSION,
    MAX_LEFT_OUT,
    CommonConfig,
    LoggedConfig,
    RunConfig,
    RunStatus,
    StoredConfig,
)

from .errors import reason
from .folder import Folder
from .layout import CONFIG_FILE, FOLDERS
from .model_files import describe_source, write_model
from .records import write_status
from .run import Run
from .state import unknown_status

RUN_ID = re.compile(r"(\d{8}-\d{6})-([a-z0-9-]+-[a-z0-9]{4})")
"""Pattern of a run's id. The groups are the creation time and the name, which ends in four random characters."""

RANDOM_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
MAX_NAME = 40
"""Maximum length of the name that a user may choose."""

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def create_run(  # noqa: PLR0913 - each is a choice of the user
    runs_dir: Path,
    *,
    recipe: Recipe,
    dataset: DatasetInfo,
    seed: int,
    device: str,
    threads: int,
    deterministic: bool,
    validation: int,
    checkpoint_every: float,
    name: str | None = None,
    compiled: bool = False,
    keep_going: bool = False,
    network: CustomModel | None = None,
    left_out: tuple[int, ...] = (),
    suggested_learning_rate: float | None = None,
    weights_sha256: str = "",
) -> Run:
    """Create a run in state `starting`, without starting a trainer. The directory's name is the run's id.

    If `network` is a custom model, its source is stored with the run and trusted from then on, and `recipe.model` is
    used only as a name. The directory is created atomically. Raises UsageError for an invalid value, and UserError if
    the folder can't be written.
    """
    check_recipe(recipe, is_custom=network is not None)
    check_validation(recipe, validation)
    check_utf8(runs_dir.absolute(), "the folder for runs")
    config = RunConfig(
        format=FORMAT_VERSION,
        run="",
        created=time.time(),
        recipe=recipe,
        dataset=dataset.ref,
        image_shape=dataset.image_shape,
        classes=dataset.classes,
        border=dataset.border,
        seed=seed,
        device=device,
        threads=threads,
        deterministic=deterministic,
        compiled=compiled,
        keep_going=keep_going,
        validation=validation,
        checkpoint_every=checkpoint_every,
        versions=library_versions(() if network is None or network.modules is None else network.modules.packages),
        git_revision=_git_revision(),
        host=host_name(),
        source=None if network is None else describe_source(network, recipe.model),
        left_out=left_out,
        suggested_learning_rate=suggested_learning_rate,
        weights_sha256=weights_sha256,
    )
    _check(config, name)
    status = msgspec.structs.replace(_first_status(config), epochs=recipe.epochs)
    run = _create(runs_dir, config, status, name or _default_name(config), network)
    try:
        run.trust_model()  # by creating the run, the user has agreed to execute the model
    except UserError:
        run.close()
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def create_logged_run(runs_dir: Path, *, name: str, script: str | None, settings: dict[str, object]) -> Run:
    """Create a run that the calling process logs. Its state is `starting`.

    `name` and `script` must be printable, and `settings` must be a JSON value. Raises UserError if the folder can't be
    written.
    """
    check_utf8(runs_dir.absolute(), "the folder for runs")
    config = LoggedConfig(
        format=FORMAT_VERSION,
        run="",
        created=time.time(),
        versions=library_versions(),
        host=host_name(),
        name=name,
        script=script,
        settings=settings,
    )
    return _create(runs_dir, config, _first_status(config), name[:MAX_NAME])


def _first_status(config: StoredConfig) -> RunStatus:
    return msgspec.structs.replace(
        unknown_status("starting"), heartbeat=config.created, boot_id=boot_id(), host=config.host
    )


def _create(
    runs_dir: Path, config: StoredConfig, status: RunStatus, name: str, network: CustomModel | None = None
) -> Run:
    try:
        path = _make_directory(runs_dir.absolute(), config, status, name, network)
    except OSError as error:
        raise UserError(
            f"can't create a run in {str(runs_dir)!r}: {reason(error)}; "
            "choose another folder with --runs or FASHION_TUI_RUNS"
        ) from error
    return Run(path)


def library_versions(others: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of Python, this package, torch, torchvision and other packages."""
    packages = dict.fromkeys(("fashion-tui", "torch", "torchvision", *others))
    return {name: installed_version(name) for name in packages} | {"python": platform.python_version()}


def changed_versions(config: CommonConfig) -> list[str]:
    """Return a phrase such as `torch 2.14.0 is now 2.15.0` for each library whose version differs from the run's."""
    now = library_versions(config.versions)
    return [f"{name} {was} is now {now[name]}" for name, was in config.versions.items() if now[name] != was]


def _default_name(config: RunConfig) -> str:
    return config.recipe.name if config.source is None else config.recipe.model[:MAX_NAME]


def _check(config: RunConfig, name: str | None) -> None:
    check_fields(config)
    if len(config.left_out) > MAX_LEFT_OUT:
        raise InvalidField(
            "without_marked",
            f"{len(config.left_out):,} images are marked as mislabelled; a run can leave out at most {MAX_LEFT_OUT:,}",
        )
    if not DEVICE.fullmatch(config.device):
        raise InvalidField("device", f"device is {config.device!r}; it must be auto, cpu, cuda, cuda:N or mps")
    if name is not None and not (name.isprintable() and len(name) <= MAX_NAME and _slug(name)):
        raise InvalidField(
            "name",
            f"name is {name!r}; it must contain letters or digits (a-z, 0-9) and have at most {MAX_NAME} characters",
        )


def _make_directory(
    runs_dir: Path, config: StoredConfig, status: RunStatus, name: str, network: CustomModel | None
) -> Path:
    """Fill a hidden directory and rename it, so that readers never see an incomplete run."""
    make_private_folder(runs_dir)
    temporary = runs_dir / f".new-{secrets.token_hex(8)}"
    temporary.mkdir(mode=0o700)
    try:
        with Folder.open(temporary) as folder:
            for subfolder in FOLDERS:
                folder.subfolder(subfolder, create=True).close()
            write_status(folder, status, durable=True)
            if network is not None:
                write_model(folder, network)
            while True:
                path = runs_dir / _new_id(config.created, name)
                content = msgspec.json.encode(msgspec.structs.replace(config, run=path.name))
                folder.write(CONFIG_FILE, msgspec.json.format(content, indent=2))
                if not path.exists():
                    break
        # Renaming fails if another process has just created a run with the same id, because
        # that run's directory isn't empty.
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    with Folder.open(runs_dir) as folder:
        folder.sync()
    return path


def _new_id(created: float, name: str) -> str:
    clock = time.strftime("%Y%m%d-%H%M%S", time.localtime(created))
    random = "".join(secrets.choice(RANDOM_ALPHABET) for _ in range(4))
    return f"{clock}-{_slug(name) or 'run'}-{random}"


def _slug(name: str) -> str:
    """Convert a name to lower-case ASCII letters, digits and single dashes. Accents are removed."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")


def _git_revision() -> str | None:
    """Return the commit of the Git checkout that contains this package, or None if it isn't in a checkout."""
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
