"""`train --config` and `runs RUN --config`: the settings of a run as a TOML file."""

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.cli.commands import train
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.data.datasets import Images
from fashion_tui.report.config_text import config_text
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, STRONG
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.models import CustomModel, LocalModules
from fashion_tui.trained_run import TrainedRun
from tests.custom_models import DROPOUT_NET
from tests.dataset_infos import info_for
from tests.trainer.in_process import train_in_process

from .conftest import Call, Result, assert_error

README = Path(__file__).parents[2] / "README.md"

NOISE = Images(
    torch.randint(256, (256, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    torch.arange(256) % 10,
)

TrainWith = Callable[..., Run]


@pytest.fixture
def call_train(call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that writes a file and calls `train --config` with the file and with options, without starting the
    trainer."""

    def call(content: str | bytes, *options: object) -> Result:
        monkeypatch.setattr(train, "launch", lambda _run, **_: 1)
        file = tmp_path / "run.toml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return call_in_process("train", "--config", file, "--detach", "--json", "--runs", tmp_path / "runs", *options)

    return call


@pytest.fixture
def train_with(call_train: Callable[..., Result]) -> TrainWith:
    """Like `call_train`, but returns the new run."""

    def train_with(content: str, *options: object) -> Run:
        result = call_train(content, *options)
        assert result.status == 0, result.err
        return Run(Path(result.json["path"]))

    return train_with


def settings(run: Run) -> dict[str, Any]:
    """Return the configuration of a run without the values that identify the run."""
    config: dict[str, Any] = msgspec.to_builtins(run.config)
    return {name: value for name, value in config.items() if name not in {"run", "created"}}


def weights(run: Run) -> list[list[float]]:
    with TrainedRun.open(run.path) as trained:
        return [values.flatten().tolist() for values in trained.weights().values()]


def original(folder: Path, network: CustomModel | None = None, dataset: DatasetRef = SYNTHETIC, **changes: Any) -> Run:
    """Create a run in which every setting differs from the default of `train`."""
    recipe = msgspec.structs.replace(STRONG, **({"learning_rate": 0.1 + 0.2, "crop": 1, "mean": (1e-17,)} | changes))
    if network is not None:
        recipe = msgspec.structs.replace(recipe, model=network.class_name)
    return create_run(
        folder, recipe=recipe, dataset=info_for(dataset), seed=2**63 - 1, device="cpu", threads=3, deterministic=True,
        compiled=True, keep_going=True, validation=500, checkpoint_every=7.5, network=network,
    )  # fmt: skip


@pytest.mark.covers("train --config")
def test_a_file_sets_the_recipe_and_the_run(train_with: TrainWith) -> None:
    run = train_with(
        'recipe = "strong"\nmodel = "quick"\ndataset = "synthetic"\nname = "Tea"\n'
        "batch_size = 64\nlr = 1\nseed = 3\nthreads = 2\ndeterministic = true\n"
    )
    config = run.config
    assert config.recipe == msgspec.structs.replace(STRONG, model="quick", batch_size=64, learning_rate=1.0)
    assert (config.seed, config.threads, config.deterministic) == (3, 2, True)
    assert (config.dataset.name, "-tea-" in config.run) == ("synthetic", True)


@pytest.mark.covers("train --config")
def test_options_override_the_file(train_with: TrainWith, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(DROPOUT_NET)
    run = train_with(
        'recipe = "strong"\nmodel = "net.py"\nargs = {}\ndataset = "fashion-mnist"\nepochs = 9\ncrop = 3\n'
        "seed = 3\ndeterministic = true\nkeep_going = true\nvalidation = 7\n",
        *("--dataset", "synthetic", "--model", "guide", "--recipe", "guide"),
        *("--epochs", "2", "--seed", "0", "--no-deterministic"),
    )
    config = run.config
    assert config.recipe == msgspec.structs.replace(GUIDE, epochs=2, crop=3)
    assert (config.seed, config.deterministic, config.keep_going, config.validation) == (0, False, True, 7)


@pytest.mark.covers("runs --config", "train --config")
def test_the_printed_configuration_gives_the_same_settings(
    call_in_process: Call, train_with: TrainWith, tmp_path: Path
) -> None:
    first = original(tmp_path / "runs")
    printed = call_in_process("runs", first.id, "--config", "--runs", tmp_path / "runs")
    assert (printed.status, printed.err) == (0, "")
    assert "# Optimizer" in printed.out
    assert settings(train_with(printed.out)) == settings(first)


@pytest.mark.covers("train --config", "runs --config")
def test_the_example_in_the_readme_trains_and_its_printed_configuration_gives_the_same_weights(
    call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    file, runs = tmp_path / "net.toml", ("--runs", tmp_path / "runs")
    monkeypatch.setattr(train, "launch", lambda run, **_: train_in_process(run, images=NOISE))

    def train_with(content: str, *options: str) -> Run:
        file.write_text(content, encoding="utf-8")
        result = call_in_process("train", "--config", file, "--detach", "--json", *runs, *options)
        assert result.status == 0, result.err
        return Run(Path(result.json["path"]))

    first = train_with(example, "--dataset", "synthetic", "--device", "cpu", "--threads", "1")
    expected = {"optimizer": "muon", "batch_size": 128, "learning_rate": 0.05, "label_smoothing": 0.1, "crop": 2}
    assert first.config.recipe == msgspec.structs.replace(QUICK, epochs=2, **expected)
    second = train_with(call_in_process("runs", first.id, "--config", *runs).out)
    other = train_with(example, "--dataset", "synthetic", "--device", "cpu", "--threads", "1", "--seed", "8")
    assert weights(second) == weights(first) != weights(other)


@pytest.mark.covers("runs --config")
def test_the_printed_configuration_takes_the_custom_model_from_the_run_if_it_is_trusted(
    call_in_process: Call, train_with: TrainWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    network = CustomModel(
        source="from sizes import WIDTH\n" + DROPOUT_NET.replace("= 16", "= WIDTH"),
        class_name="Net",
        arguments={"width": 8},
        modules=LocalModules(sources={"sizes.py": "WIDTH = 4"}),
    )
    first = original(tmp_path / "runs \N{SNOWMAN}\u202e", network)
    printed = call_in_process("runs", first.id, "--config", "--runs", first.path.parent)
    assert (printed.status, printed.err) == (0, "")
    assert "\u202e" not in printed.out
    assert settings(train_with(printed.out)) == settings(first)
    changed = train_with(printed.out.replace("threads = 3", "threads = 2") + "args = { width = 12 }\n", "--seed", "1")
    assert (changed.config.threads, changed.config.seed) == (2, 1)
    assert changed.config.source is not None
    assert changed.config.source.arguments == {"width": 12}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other user"))
    (tmp_path / "copy.toml").write_text(printed.out)
    assert_error(call_in_process("train", "--config", tmp_path / "copy.toml", "--detach"), 1, "--trust")


def test_the_printed_configuration_names_the_folder_of_the_data(tmp_path: Path) -> None:
    dataset = DatasetRef(name="fashion-mnist", directory=str(tmp_path / "data"), sha256="0")
    assert tomllib.loads(config_text(original(tmp_path, dataset=dataset)))["data"] == str(tmp_path / "data")


def test_floats_are_printed_exactly(tmp_path: Path) -> None:
    for value in (5e-324, 1e-05, 0.1 + 0.2, 3.0, 123456789.123, 1e16, 1.7976931348623157e308):
        assert tomllib.loads(config_text(original(tmp_path, learning_rate=value)))["lr"] == value


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("epoch = 3", ("run.toml, line 1: unknown field 'epoch'", "did you mean epochs?")),
        ("\n# epoch\nbatch-size = 3", ("line 3: unknown field 'batch-size'", "did you mean batch_size?")),
        ("learning_rate = 3", ("unknown field 'learning_rate'", "did you mean lr?")),
        ("[optimizers]\nlr = 1", ("line 1: unknown field 'optimizers'", "did you mean optimizer?")),
        ("detach = true", ("line 1: detach can't be set in a file; use --detach",)),
        ('on-end = "true"', ("line 1: on_end can't be set in a file; use --on-end",)),
        ("trust = true", ("line 1: trust can't be set in a file; use --trust",)),
        ("xyzzy = true", ("unknown field 'xyzzy'", "--help")),
        ('seed = 1\nepochs = "3"', ("line 2: epochs is '3'; it must be a whole number",)),
        ("epochs = 3.0", ("epochs is 3.0; it must be a whole number",)),
        ("epochs = true", ("epochs is True; it must be a whole number",)),
        ('lr = "fast"', ("lr is 'fast'; it must be a number",)),
        ("compile = 1", ("compile is 1; it must be true or false",)),
        ("name = []", ("name is an array; it must be a string",)),
        ("optimizer.lr = 1", ("line 1: optimizer is a table; it must be a string",)),
        ("args = 1", ("args is 1; it must be a table",)),
        ("args = {x = nan}", ("args is a table; it must be a table of values that JSON can represent",)),
        ("epochs = 0", ("line 1: epochs is 0; it must be between 1",)),
        ("lr = nan", ("learning rate is nan",)),
        ('optimizer = "adams"', ("line 1: unknown optimizer 'adams'; choose from adam",)),
        ('recipe = "fast"', ("line 1: unknown recipe 'fast'; choose from guide",)),
        ('dataset = "nist"', ("line 1: unknown data set 'nist'; choose from",)),
        ('model = "huge"', ("line 1: unknown model 'huge'",)),
        ("validation = 12000", ("line 1: validation is 12000", "only 12,000 training images")),
        ("validation = 10000\nbatch_size = 2001", ("line 2: batch size is 2001", "only 2,000 images")),
        ('seed = 1\nearly_stopping = "loss"', ("line 2: early stopping needs the validation loss",)),
        ('early_stopping = "loss"\nvalidation = 0', ("lines 1 and 2: early stopping needs",)),
        ('momentum = 0.5\noptimizer = "adam"', ("lines 1 and 2: momentum is 0.5, but adam has its own",)),
        ('device = "gpu"', ("line 1: unknown device 'gpu'; choose from",)),
        ('model = "nope.py:Net"', ("line 1: can't read", "nope.py")),
        ('model = "net.py"\nargs = { widht = 8 }', ("lines 1 and 2: Net doesn't take widht; it takes width",)),
        ("args = { width = 8 }", ("line 1: built-in models take no arguments, but got 'width'",)),
        ('like = "xyzzy"', ("line 1: no run 'xyzzy'",)),
        ('like = "xyzzy"\nrecipe = "strong"', ("lines 1 and 2: --like and --recipe",)),
        ('name = "!"', ("line 1: name is '!'",)),
        ("\ufeffepochs = 0", ("line 1: epochs is 0",)),
        ("epochs = 1\nepochs = 2", ("run.toml isn't valid TOML",)),
        ("epochs", ("isn't valid TOML",)),
        (b"epochs = 1 # caf\xe9", ("run.toml isn't UTF-8",)),
        (b"\xff\xfee\x00", ("run.toml isn't UTF-8",)),
        (b"\0" * 2, ("isn't valid TOML",)),
    ],
)
def test_errors_in_the_file_name_the_line_and_the_value(
    call_train: Callable[..., Result], tmp_path: Path, content: str | bytes, expected: tuple[str, ...]
) -> None:
    (tmp_path / "net.py").write_text(DROPOUT_NET)
    result = call_train(content, "--dataset", "synthetic")
    assert result.status in {1, 2}
    assert_error(result, result.status, *expected)
    assert not (tmp_path / "runs").exists()


def test_an_invalid_option_is_not_reported_as_an_error_of_the_file(call_train: Callable[..., Result]) -> None:
    result = call_train("validation = 3", "--dataset", "synthetic", "--validation", "12000")
    assert_error(result, 2, "validation is 12000")
    assert "run.toml" not in result.err


def test_missing_validation_images_are_reported_before_the_data_set_is_downloaded(
    call_train: Callable[..., Result], tmp_path: Path
) -> None:
    """The folder contains no data, so that the first problem found is the reported one."""
    options = ("--dataset", "fashion-mnist")
    assert_error(call_train('data = "none"', *options), 1, "run.toml, line 1", str(tmp_path / "none"))
    assert_error(call_train('early_stopping = "loss"', *options, "--data", tmp_path), 2, "line 1: early stopping")


def test_files_that_cannot_be_read(call_in_process: Call, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, expected in (
        (tmp_path / "none.toml", "none.toml"),
        (tmp_path, str(tmp_path)),
        (tmp_path / "pipe", "pipe"),
    ):
        assert_error(
            call_in_process("train", "--config", path, "--runs", tmp_path / "runs"),
            1,
            "can't read",
            expected,
            "--config",
        )
    both = call_in_process("train", "--config", tmp_path / "none.toml", "--like", "latest")
    assert_error(both, 2, "--config and --like")


def test_config_and_other_formats_of_runs(call_in_process: Call, tmp_path: Path) -> None:
    run = original(tmp_path)
    assert_error(call_in_process("runs", "--config", "--runs", tmp_path), 2, "--config requires RUN")
    for other in ("--csv", "--json"):
        result = call_in_process("runs", run.id, "--config", other, "--runs", tmp_path)
        assert_error(result, 2, "--config", other)
