"""Custom models of runs: stored with the run, identified by hash, and only executed if this user trusts them."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from importlib import metadata
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
from tests.custom_models import DROPOUT_NET, custom_model, model_in_several_files

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


class TestModules:
    """The modules that a model imports from its folder are stored, listed and trusted together with it."""

    @pytest.fixture
    def path(self, runs_dir: Path) -> Path:
        return make(runs_dir, model_in_several_files())

    def test_they_are_stored_with_their_folders_and_without_the_original(self, path: Path) -> None:
        expected = model_in_several_files().modules
        assert expected is not None
        stored = {file.relative_to(path / "modules"): file for file in (path / "modules").rglob("*.py")}
        assert {str(name): file.read_text() for name, file in stored.items()} == expected.sources
        assert {stat.S_IMODE(file.stat().st_mode) for file in stored.values()} == {0o600}
        network = network_of(path)
        assert network is not None
        assert network.modules is not None
        assert (network.modules.sources, network.modules.main) == (expected.sources, expected.main)
        with Run(path) as run:
            assert run.config.versions["numpy"] == metadata.version("numpy")
            assert run.contents().bytes == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        again = make(path.parent, network)
        with Run(again) as run:
            assert run.config.versions["numpy"] == metadata.version("numpy")

    def test_the_question_lists_them(self, path: Path, state: Path) -> None:
        forget(state)
        with pytest.raises(UntrustedSource, match=r"model\.py and, in modules .*project/models/blocks\.py, .*--trust"):
            network_of(path)

    @pytest.mark.parametrize("kind", ["content", "removed", "link", "pipe", "folder link"])
    def test_a_damaged_module(self, path: Path, kind: str) -> None:
        file = path / "modules" / "project" / "sizes.py"
        if kind == "content":
            file.write_text("WIDTH = 17\n")
        elif kind == "folder link":
            file.parent.rename(path / "elsewhere")
            file.parent.symlink_to(path / "elsewhere")
        else:
            file.rename(path / "sizes.py")
            {"removed": lambda: None, "link": lambda: file.symlink_to(path / "sizes.py"),
             "pipe": lambda: os.mkfifo(file)}[kind]()  # fmt: skip
        words = {"content": "has been changed", "removed": "is missing"}.get(kind, "can't be read")
        with pytest.raises(DamagedRun, match=rf"modules/project/.*{words}") as raised:
            network_of(path)
        assert "\n" not in str(raised.value)

    def test_a_change_needs_new_trust_even_with_its_hash(self, path: Path) -> None:
        """Someone may pass on a modified copy of a run."""
        changed = "import os\nWIDTH = 16\n"
        with Run(path) as run:
            assert run.config.source is not None
            modules = run.config.source.modules | {"project/sizes.py": hashlib.sha256(changed.encode()).hexdigest()}
        (path / "modules" / "project" / "sizes.py").write_text(changed)
        edit_source(path, modules=modules)
        with pytest.raises(UntrustedSource):
            network_of(path)

    @pytest.mark.parametrize("name", ["../model.py", "/etc/passwd", "a/../b.py", "a.b.py", ".py", "a//b.py", "a"])
    def test_a_path_that_no_module_has(self, path: Path, name: str) -> None:
        edit_source(path, modules={name: "0" * 64})
        with pytest.raises(DamagedRun, match="not a valid path"):
            network_of(path)
        edit_source(path, modules={}, main=name)
        with pytest.raises(DamagedRun, match="not a valid path"):
            network_of(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change the owner of files")
@pytest.mark.parametrize("changed", [".", MODEL_FILE, "modules/project", "modules/project/sizes.py"])
def test_another_users_directory_is_untrusted_although_the_code_is_known(runs_dir: Path, changed: str) -> None:
    path, own = make(runs_dir, model_in_several_files()), make(runs_dir, model_in_several_files())
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
