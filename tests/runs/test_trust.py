"""Custom models of runs: stored with the run, identified by hash, and only executed if this user trusts them."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import launch
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.runs.run import Run
from fashion_tui.runs.trust import TRUSTED_FILE, StoredModel, trust
from fashion_tui.schema.errors import UntrustedSource, UsageError, UserError
from fashion_tui.schema.models import MAX_SOURCE_BYTES, CustomModel
from fashion_tui.schema.run import RunConfig
from tests.custom_models import DROPOUT_NET, custom_model

from .parts import PROJECT, make_run, wait_until


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory, which contains no list of trusted networks yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "fashion-tui"


def make(runs_dir: Path, network: CustomModel) -> Path:
    with make_run(runs_dir, network=network) as run:
        return run.path


def network_of(path: Path) -> CustomModel | None:
    with Run(path) as run:
        return run.trusted_model()


def stored_in(path: Path) -> StoredModel:
    with Run(path) as run:
        stored = run.stored_model()
    assert stored is not None
    return stored


def edit_source(path: Path, **changes: object) -> RunConfig:
    """Change the entry of the custom model in config.json, as the author of the directory could."""
    with Run(path) as run:
        config = run.config
    assert config.source is not None
    config = msgspec.structs.replace(config, source=msgspec.structs.replace(config.source, **changes))
    (path / "config.json").write_bytes(msgspec.json.encode(config))
    return config


def forget(state: Path) -> None:
    (state / TRUSTED_FILE).unlink()


def test_a_built_in_model_has_no_source(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    assert run.config.source is None
    assert run.trusted_model() is None
    assert not (run.path / MODEL_FILE).exists()


def test_the_source_is_stored_and_trusted(runs_dir: Path, state: Path) -> None:
    source = "# größer\r\n" + DROPOUT_NET
    path = make(runs_dir, custom_model(source, width=8))
    assert (path / MODEL_FILE).read_bytes() == source.encode()
    assert stat.S_IMODE((path / MODEL_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((state / TRUSTED_FILE).stat().st_mode) == 0o600
    assert path.name.partition("-")[2].startswith(f"{path.name.split('-')[1]}-net-")
    network = network_of(path)
    assert network is not None
    assert (network.source, network.class_name, network.arguments) == (source, "Net", {"width": 8})


def test_a_copied_directory_stays_trusted(runs_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(make(runs_dir, custom_model()), copy)
    assert network_of(copy) is not None


def test_unknown_code_is_refused_until_it_is_trusted(runs_dir: Path, state: Path) -> None:
    path = make(runs_dir, custom_model())
    forget(state)
    with pytest.raises(UntrustedSource, match=r"haven't run before; read .*model\.py.*--trust") as refused:
        network_of(path)
    assert "\n" not in str(refused.value)
    with Run(path) as run, pytest.raises(UntrustedSource):
        launch.launch(run)
    assert not (path / "trainer.log").exists()
    trust(stored_in(path))
    assert network_of(path) is not None


@pytest.mark.parametrize("changes", [{"class_name": "nn"}, {"arguments": {"width": 2}}])
def test_another_call_of_a_trusted_source_is_not_trusted(runs_dir: Path, changes: dict[str, object]) -> None:
    """Trusted source could do harm if another of its names were called, such as an imported `torch.load`."""
    path = make(runs_dir, custom_model())
    edit_source(path, **changes)
    with pytest.raises(UntrustedSource):
        network_of(path)


def test_exactly_the_displayed_source_is_trusted(runs_dir: Path, state: Path) -> None:
    path, other = make(runs_dir, custom_model()), make(runs_dir, custom_model(DROPOUT_NET + "# other"))
    forget(state)
    displayed = stored_in(path)
    for name in (MODEL_FILE, "config.json"):
        shutil.copy(other / name, path / name)
    trust(displayed)
    with pytest.raises(UntrustedSource):
        network_of(path)


def test_a_changed_source_is_damage(runs_dir: Path) -> None:
    path = make(runs_dir, custom_model())
    (path / MODEL_FILE).write_text(DROPOUT_NET + "\nprint()")
    with pytest.raises(DamagedRun, match=r"model\.py has been changed: its SHA-256 is \w{64}, not \w{64}"):
        network_of(path)


def test_a_missing_source_is_damage(runs_dir: Path) -> None:
    path = make(runs_dir, custom_model())
    (path / MODEL_FILE).unlink()
    with pytest.raises(DamagedRun, match=r"model\.py.* is missing"):
        network_of(path)


def test_links_are_not_followed(runs_dir: Path) -> None:
    path = make(runs_dir, custom_model())
    (path / MODEL_FILE).rename(path / "real.py")
    (path / MODEL_FILE).symlink_to("real.py")
    with pytest.raises(DamagedRun, match=r"model\.py can't be read: it is a symbolic link"):
        network_of(path)


@pytest.mark.timeout(10)
def test_pipes_are_not_opened(runs_dir: Path) -> None:
    path = make(runs_dir, custom_model())
    (path / MODEL_FILE).unlink()
    os.mkfifo(path / MODEL_FILE)
    with pytest.raises(DamagedRun, match="not a regular file"):
        network_of(path)


def test_too_large_a_source_is_refused_and_creates_no_run(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match="at most 1,048,576"):
        make(runs_dir, custom_model("#" * (MAX_SOURCE_BYTES + 1)))
    assert not runs_dir.exists()


def test_a_list_that_cannot_be_written_leaves_no_run(runs_dir: Path, state: Path) -> None:
    state.parent.mkdir()
    state.write_text("a file instead of a folder")
    with pytest.raises(UserError, match="list of trusted networks"):
        make(runs_dir, custom_model())
    assert not list(runs_dir.iterdir())


def test_a_list_that_others_can_write_is_refused(runs_dir: Path, state: Path) -> None:
    path = make(runs_dir, custom_model())
    (state / TRUSTED_FILE).chmod(0o666)
    with pytest.raises(UserError, match="others can write to it"):
        network_of(path)


def test_a_trainer_does_not_import_modules_from_its_runs_directory(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH often has an empty entry. It means the working directory, which is the run's directory."""
    run = make_run(runs_dir)
    (run.path / "torch.py").write_text("print('executed')")
    monkeypatch.setattr(launch, "TRAINER", (sys.executable, "-P", "-c", "import sys; print(sys.path, 'end')"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(PROJECT)]))
    launch.launch(run)
    wait_until(lambda: "end" in (run.path / "trainer.log").read_text())
    log = (run.path / "trainer.log").read_text()
    assert str(PROJECT) in log
    assert str(run.path) not in log
    assert "''" not in log


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change the owner of files")
@pytest.mark.parametrize("changed", [".", MODEL_FILE])
def test_another_users_directory_is_untrusted_although_the_code_is_known(runs_dir: Path, changed: str) -> None:
    path, own = make(runs_dir, custom_model()), make(runs_dir, custom_model())
    os.chown(path, 12345, 12345)
    os.chown(path / changed, 12345, 12345)
    with pytest.raises(UntrustedSource, match="another user's code"):
        network_of(path)
    trust(stored_in(path))
    assert network_of(path) is not None
    os.chown(own, 12345, 12345)
    with pytest.raises(UntrustedSource):  # only the other directory was trusted
        network_of(own)


def test_concurrent_processes_lose_no_entry_of_the_list(runs_dir: Path, state: Path) -> None:
    paths = [make(runs_dir, custom_model(DROPOUT_NET + f"# {number}")) for number in range(8)]
    forget(state)
    code = (
        "import sys; from pathlib import Path; from fashion_tui.runs.run import Run;"
        "[Run(Path(path)).trust_model() for path in sys.argv[1:]]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, *half]) for half in (paths[:4], paths[4:])]
    assert [process.wait() for process in processes] == [0, 0]
    assert all(network_of(path) for path in paths)
