"""`fashion-tui settings`, and commands that use the settings."""

import os
from pathlib import Path

import pytest

from .conftest import Call, assert_error


def write_settings(folder: Path, content: str) -> dict[str, str]:
    """Write a settings file and return the environment variables with which commands use it."""
    file = folder / "config" / "fashion-tui" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return {"XDG_CONFIG_HOME": str(folder / "config")}


@pytest.mark.covers("settings --path", "settings --default", "settings --json")
def test_path_and_default_file(call: Call, tmp_path: Path) -> None:
    variables = write_settings(tmp_path, "")
    path = Path(call("settings", "--path", **variables).out.strip())
    path.write_text(call("settings", "--default", **variables).out)
    assert "pause" in path.read_text()
    result = call("settings", "--json", **variables)
    assert (result.status, result.err) == (0, "")
    assert result.json["path"] == str(path)
    assert result.json["problems"] == []
    assert result.json["settings"]["theme"] == "dark"
    assert "theme    dark" in call("settings", **variables).out
    for options in (("--path", "--default"), ("--path", "--json"), ("--default", "--json")):
        assert_error(call("settings", *options), 2, *options)


@pytest.mark.covers(
    "settings --data", "settings --runs", "settings --dataset", "settings --image-size", "settings --fit"
)
def test_settings_in_effect(call: Call, tmp_path: Path) -> None:
    content = f'data = "{tmp_path}/data"\nruns = "{tmp_path}/runs"\n[keys.train]\npause = "f10"\nstop = "ctrl+m"\n'
    variables = write_settings(tmp_path, content)
    variables |= {"FASHION_TUI_RUNS": str(tmp_path / "variable"), "FASHION_TUI_DATA": ""}
    in_effect = call("settings", "--json", **variables).json["settings"]
    assert in_effect["data"] == str(tmp_path / "data")
    assert in_effect["runs"] == str(tmp_path / "variable")
    assert in_effect["keys"] == {"train": {"pause": "f10"}}
    options = ("--data", tmp_path / "x", "--runs", tmp_path / "y", "--dataset", "synthetic")
    with_options = call("settings", "--json", *options, **variables).json["settings"]
    assert with_options["data"] == str(tmp_path / "x")
    assert with_options["runs"] == str(tmp_path / "y")
    assert with_options["dataset"] == "synthetic"
    ignored = ("--image-size", 16, "--fit", "crop")
    assert call("settings", "--json", *options, *ignored, **variables).json["settings"] == with_options
    result = call("settings", **variables)
    assert all(str(value) in result.out for name, value in in_effect.items() if name != "keys")
    assert "train.pause = f10\n" in result.out
    assert "train.stop" not in result.out
    assert "ctrl+m" in result.err


def test_folders_in_effect_without_a_settings_file(call: Call, tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""}
    settings = call("settings", "--json", FASHION_TUI_DATA="", FASHION_TUI_RUNS="", **variables).json["settings"]
    assert all(Path(settings[name]).is_relative_to(tmp_path) for name in ("data", "runs"))


def test_a_wrong_value_is_one_line_and_not_fatal(call: Call, tmp_path: Path) -> None:
    variables = write_settings(tmp_path, 'theme = "pink"\n[keys.train]\npause = "s"\n')
    result = call("runs", "--json", FASHION_TUI_RUNS=str(tmp_path / "none"), **variables)
    assert (result.status, result.json) == (0, [])
    assert result.err.count("\n") == 1
    assert "pink" in result.err
    result = call("settings", **variables)
    assert result.status == 0
    assert "train.stop" in result.err
    assert len(call("settings", "--json", **variables).json["problems"]) == 2


@pytest.mark.covers("train --dataset")
def test_commands_use_folders_data_set_and_recipe(call: Call, tmp_path: Path) -> None:
    runs = tmp_path / "my runs"
    variables = write_settings(
        tmp_path, f'runs = "{runs}"\ndata = "{tmp_path}/none"\ndataset = "synthetic"\nrecipe = "quick"\n'
    )
    result = call("train", "--batch-size", "512", "--threads", "1", "--validation", "9000", **variables)
    assert result.status == 0, result.err
    (run,) = call("runs", "--json", **variables).json
    assert (run["recipe"], run["dataset"], Path(run["path"]).parent) == ("quick", "synthetic", runs)
    assert call("runs", "--json", FASHION_TUI_RUNS=str(tmp_path / "other"), **variables).json == []
    result = call("train", "--dataset", "fashion-mnist", **variables)
    assert_error(result, 1, f"{tmp_path}/none", "settings.toml")
    if data := os.environ.get("FASHION_TUI_DATA"):
        checks = call("doctor", "--json", FASHION_TUI_DATA=data, **variables).json["checks"]
        assert next(check for check in checks if check["name"] == "data: Fashion-MNIST")["ok"]
