"""A run's own network: stored with it, known again by its hash, and executed only by who has trained or trusted it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import launch
from fashion_tui.runs.source import LARGEST_SOURCE, MODEL_FILE, StoredModel, read_model
from fashion_tui.runs.store import DamagedRun, load_config, new_run
from fashion_tui.runs.trust import TRUSTED_FILE, trust, trusted_network
from fashion_tui.schema.errors import UntrustedSource, UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import GUIDE
from fashion_tui.schema.run import RunConfig
from tests.custom_models import DROPOUT_NET, custom_model

from .parts import PROJECT, SYNTHETIC, make_run, wait_until


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the list of trusted networks, empty."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "fashion-tui"


def make(runs_dir: Path, network: CustomModel) -> Path:
    return new_run(
        runs_dir,
        recipe=msgspec.structs.replace(GUIDE, model="Net"),
        dataset=SYNTHETIC,
        seed=0,
        device="cpu",
        threads=1,
        deterministic=False,
        validation=0,
        checkpoint_every=30.0,
        network=network,
    )


def network_of(run_path: Path) -> CustomModel | None:
    return trusted_network(run_path, load_config(run_path))


def stored_in(run_path: Path) -> StoredModel:
    stored = read_model(run_path, load_config(run_path))
    assert stored is not None
    return stored


def rewrite(run_path: Path, **changes: object) -> RunConfig:
    """Another description of the network in config.json, as whoever made the directory may write it."""
    config = load_config(run_path)
    assert config.source is not None
    config = msgspec.structs.replace(config, source=msgspec.structs.replace(config.source, **changes))
    (run_path / "config.json").write_bytes(msgspec.json.encode(config))
    return config


def forget(state: Path) -> None:
    (state / TRUSTED_FILE).unlink()


def test_a_run_of_ours_has_no_source(runs_dir: Path) -> None:
    run_path = make_run(runs_dir)
    assert load_config(run_path).source is None
    assert network_of(run_path) is None
    assert not (run_path / MODEL_FILE).exists()


def test_the_source_is_stored_and_trusted_by_who_trains_it(runs_dir: Path, state: Path) -> None:
    source = "# größer\r\n" + DROPOUT_NET
    run_path = make(runs_dir, custom_model(source, width=8))
    assert (run_path / MODEL_FILE).read_bytes() == source.encode()
    assert stat.S_IMODE((run_path / MODEL_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((state / TRUSTED_FILE).stat().st_mode) == 0o600
    assert run_path.name.partition("-")[2].startswith(f"{run_path.name.split('-')[1]}-net-")
    network = network_of(run_path)
    assert network is not None
    assert (network.source, network.class_name, network.arguments) == (source, "Net", {"width": 8})


def test_a_directory_that_moves_or_is_copied_stays_trusted(runs_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(make(runs_dir, custom_model()), copy)
    assert network_of(copy) is not None


def test_code_that_was_never_run_is_refused_until_it_is_trusted(runs_dir: Path, state: Path) -> None:
    run_path = make(runs_dir, custom_model())
    forget(state)
    with pytest.raises(UntrustedSource, match=r"haven't run before: read .*model\.py, then add --trust") as refused:
        network_of(run_path)
    assert "\n" not in str(refused.value)
    with pytest.raises(UntrustedSource):
        launch.launch(run_path)
    assert not (run_path / "trainer.log").exists()
    trust(stored_in(run_path))
    assert network_of(run_path) is not None


@pytest.mark.parametrize("changes", [{"class_name": "nn"}, {"arguments": {"width": 2}}])
def test_another_use_of_a_trusted_text_is_not_trusted(runs_dir: Path, changes: dict[str, object]) -> None:
    """A harmless text may be called so that it does harm: `from torch import load`, say."""
    run_path = make(runs_dir, custom_model())
    rewrite(run_path, **changes)
    with pytest.raises(UntrustedSource):
        network_of(run_path)


def test_what_was_shown_is_trusted_and_not_what_lies_there_later(runs_dir: Path, state: Path) -> None:
    run_path, other = make(runs_dir, custom_model()), make(runs_dir, custom_model(DROPOUT_NET + "# other"))
    forget(state)
    shown = stored_in(run_path)
    for name in (MODEL_FILE, "config.json"):
        shutil.copy(other / name, run_path / name)
    trust(shown)
    with pytest.raises(UntrustedSource):
        network_of(run_path)


def test_a_changed_source_is_damage(runs_dir: Path) -> None:
    run_path = make(runs_dir, custom_model())
    (run_path / MODEL_FILE).write_text(DROPOUT_NET + "\nprint()")
    with pytest.raises(DamagedRun, match=r"model\.py has been changed: its SHA-256 is \w{64}, not \w{64}"):
        network_of(run_path)


def test_a_missing_source_is_damage(runs_dir: Path) -> None:
    run_path = make(runs_dir, custom_model())
    (run_path / MODEL_FILE).unlink()
    with pytest.raises(DamagedRun, match=r"model\.py, the source of its network, is missing"):
        network_of(run_path)


def test_a_link_is_not_followed(runs_dir: Path) -> None:
    run_path = make(runs_dir, custom_model())
    (run_path / MODEL_FILE).rename(run_path / "real.py")
    (run_path / MODEL_FILE).symlink_to("real.py")
    with pytest.raises(DamagedRun, match=r"model\.py can't be read"):
        network_of(run_path)


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(runs_dir: Path) -> None:
    run_path = make(runs_dir, custom_model())
    (run_path / MODEL_FILE).unlink()
    os.mkfifo(run_path / MODEL_FILE)
    with pytest.raises(DamagedRun, match="no regular file"):
        network_of(run_path)


def test_too_large_a_source_is_refused_and_leaves_no_run(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match="1,048,576 at most"):
        make(runs_dir, custom_model("#" * (LARGEST_SOURCE + 1)))
    assert not runs_dir.exists()


def test_a_list_that_cannot_be_written_leaves_no_run(runs_dir: Path, state: Path) -> None:
    state.parent.mkdir()
    state.write_text("a file, no folder")
    with pytest.raises(UserError, match="list of trusted networks, can't be"):
        make(runs_dir, custom_model())
    assert not list(runs_dir.iterdir())


def test_a_list_that_others_can_write_is_not_believed(runs_dir: Path, state: Path) -> None:
    run_path = make(runs_dir, custom_model())
    (state / TRUSTED_FILE).chmod(0o666)
    with pytest.raises(UserError, match="can be written by others"):
        network_of(run_path)


def test_modules_in_a_runs_directory_are_not_found_by_its_trainer(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry in PYTHONPATH is common, and means the working directory, which is the run's."""
    run_path = make_run(runs_dir)
    (run_path / "torch.py").write_text("print('executed')")
    monkeypatch.setattr(launch, "TRAINER", (sys.executable, "-P", "-c", "import sys; print(sys.path, 'end')"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(PROJECT)]))
    launch.launch(run_path)
    wait_until(lambda: "end" in (run_path / "trainer.log").read_text())
    log = (run_path / "trainer.log").read_text()
    assert str(PROJECT) in log
    assert str(run_path) not in log
    assert "''" not in log


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", [".", MODEL_FILE])
def test_another_users_directory_or_file_is_asked_for_although_the_code_is_known(runs_dir: Path, whose: str) -> None:
    run_path, own = make(runs_dir, custom_model()), make(runs_dir, custom_model())
    os.chown(run_path / whose, 12345, 12345)
    with pytest.raises(UntrustedSource, match="another user's code"):
        network_of(run_path)
    trust(stored_in(run_path))
    assert network_of(run_path) is not None
    os.chown(own, 12345, 12345)
    with pytest.raises(UntrustedSource):  # it was that place that was trusted
        network_of(own)


def test_lists_made_by_several_processes_at_once_lose_nothing(runs_dir: Path, state: Path) -> None:
    paths = [make(runs_dir, custom_model(DROPOUT_NET + f"# {number}")) for number in range(8)]
    forget(state)
    code = (
        "import sys; from pathlib import Path; from fashion_tui.runs.source import read_model;"
        "from fashion_tui.runs.store import load_config; from fashion_tui.runs.trust import trust;"
        "[trust(read_model(Path(p), load_config(Path(p)))) for p in sys.argv[1:]]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, *half]) for half in (paths[:4], paths[4:])]
    assert [process.wait() for process in both] == [0, 0]
    assert all(network_of(path) for path in paths)
