"""`fashion-tui settings`, and commands that use the settings."""

import os
from pathlib import Path

from .conftest import Call, assert_error


def write_settings(folder: Path, content: str) -> dict[str, str]:
    """Write a settings file and return the environment variables with which commands use it."""
    file = folder / "config" / "fashion-tui" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return {"XDG_CONFIG_HOME": str(folder / "config")}


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
    assert_error(call("settings", "--path", "--default"), 2, "--path")


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


def test_commands_use_folders_data_set_and_recipe(call: Call, tmp_path: Path) -> None:
    runs = tmp_path / "my runs"
    variables = write_settings(
        tmp_path, f'runs = "{runs}"\ndata = "{tmp_path}/none"\ndataset = "synthetic"\nrecipe = "quick"\n'
    )
    result = call("train", "--batch-size", "512", "--threads", "1", **variables)
    assert result.status == 0, result.err
    (run,) = call("runs", "--json", **variables).json
    assert (run["recipe"], run["dataset"], Path(run["path"]).parent) == ("quick", "synthetic", runs)
    assert call("runs", "--json", FASHION_TUI_RUNS=str(tmp_path / "other"), **variables).json == []
    result = call("train", "--dataset", "fashion-mnist", **variables)
    assert_error(result, 1, f"{tmp_path}/none", "settings.toml")
    if data := os.environ.get("FASHION_TUI_DATA"):
        checks = call("doctor", "--json", FASHION_TUI_DATA=data, **variables).json["checks"]
        assert next(check for check in checks if check["name"] == "data: Fashion-MNIST")["ok"]
