"""Reading the settings file: wrong values are reported in one line each and are never fatal."""

from pathlib import Path

import pytest

from fashion_tui.settings import DEFAULT_SETTINGS, UserSettings, read_settings
from fashion_tui.toml_file import MAX_BYTES


def read(tmp_path: Path, content: str | bytes) -> UserSettings:
    path = tmp_path / "settings.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_settings(path)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none") == UserSettings()


def test_all_settings(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'theme = "light"\nimages = "sixel"\ndata = "/data"\nruns = "~/runs"\ndataset = "synthetic"\nrecipe = "quick"\n'
        "on_end = 'echo $FASHION_TUI_RUN'\n"
        '[keys.train]\npause = "p,f7"\n',
    )
    assert settings == UserSettings(
        theme="light",
        images="sixel",
        data=Path("/data"),
        runs=Path.home() / "runs",
        dataset="synthetic",
        recipe="quick",
        on_end="echo $FASHION_TUI_RUN",
        keys={"train": {"pause": "p,f7"}},
    )


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ('theme = "pink"', "colour-blind"),
        ("theme = 3", "colour-blind"),
        ('images = "ascii"', "kitty, sixel, blocks"),
        pytest.param(f"theme = 0x{'F' * 5000}", "colour-blind", id="huge theme"),
        pytest.param(f"runs = [0x{'F' * 5000}]", "folder", id="huge runs"),
        pytest.param(f"data = 0x{'F' * 5000}", "folder", id="huge data"),
        pytest.param(f"[keys.train]\npause = 0x{'F' * 5000}", "[keys.train]", id="huge key"),
        ('recipe = "fast"', "quick"),
        ('dataset = "cifar"', "synthetic"),
        ('runs = "relative"', "'relative'"),
        ('runs = "~nosuchuser/x"', "nosuchuser"),
        ('data = "/a\\u0000b"', "data"),
        ("data = 1", "folder"),
        ('keys = "p"', "[keys.train]"),
        ("[keys.train]\npause = 3", "[keys.train]"),
        ("on_end = 1", "shell command"),
        ('on_end = "a\\u0000b"', "shell command"),
        ('colour = "red"', "theme"),
    ],
)
def test_a_wrong_value_is_reported_and_the_others_hold(tmp_path: Path, wrong: str, expected: str) -> None:
    right = "dataset" if not wrong.startswith("dataset") else "recipe"
    value = {"dataset": "synthetic", "recipe": "quick"}[right]
    settings = read(tmp_path, f'{right} = "{value}"\n{wrong}\n')
    (problem,) = settings.problems
    assert expected in problem
    assert "settings.toml" in problem
    assert "\n" not in problem
    assert getattr(settings, right) == value


@pytest.mark.parametrize("content", ["theme = ", b"theme = '\xff'", b"#" * (MAX_BYTES + 1), "a = " + "[" * 50_000])
def test_an_unreadable_file_is_reported(tmp_path: Path, content: str | bytes) -> None:
    settings = read(tmp_path, content)
    (problem,) = settings.problems
    assert "settings.toml" in problem
    assert "\n" not in problem
    assert settings.theme == "dark"


def test_a_folder_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    (problem,) = read_settings(tmp_path).problems
    assert str(tmp_path) in problem


def test_the_default_file_contains_the_defaults(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in DEFAULT_SETTINGS.splitlines() if " = " in line]
    settings = read(tmp_path, "\n".join(lines))
    assert settings.problems == ()
    assert "$FASHION_TUI_STATE" in settings.on_end
    assert settings == UserSettings(data=Path.home() / "data", runs=Path.home() / "runs", on_end=settings.on_end)
