"""The app with a settings file."""

from pathlib import Path

from fashion_tui.report.colormap import lightness
from tests.terminal import Terminal
from tests.tui.apps import AppLauncher, quit_app


def test_theme_and_keys_of_the_settings_file(tmp_path: Path) -> None:
    launcher = AppLauncher(tmp_path / "app")
    file = Path(launcher.environ["XDG_CONFIG_HOME"]) / "fashion-tui" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(
        'theme = "light"\ndataset = "synthetic"\nrecipe = "nosuch"\n'
        '[keys.everywhere]\nquit = "ctrl+t"\ntrain = "f11,f5"\n'
        '[keys.playground]\nlessons = "f10"\n[keys.train]\nnew_run = "f12"\n'
    )
    try:
        with launcher(dataset=None) as terminal:
            terminal.wait_for("nosuch")  # the notification
            terminal.wait_for("synthetic garments")
            assert {"ffffff", "1c1c1c"} <= terminal.colours()
            terminal.type("int('x')  # 1")
            terminal.press("enter")
            terminal.wait_for("ValueError: invalid")
            terminal.wait_gone("nosuch")
            assert illegible_text(terminal) == ""
            terminal.press("f5")
            terminal.wait_for("Press f12 to train")
            terminal.wait_for("f11 Train")
            terminal.wait_for("^t quit")
            terminal.press("q")  # is no longer a key
            quit_app(terminal, "ctrl+t")
    finally:
        launcher.end()


def illegible_text(terminal: Terminal) -> str:
    """Return the letters and digits on the screen whose contrast is less than 3."""
    terminal.settle()
    cells = [cell for row in terminal._screen.buffer.values() for cell in row.values() if cell.data.isalnum()]
    return "".join(cell.data for cell in cells if contrast(cell.fg, cell.bg) < 3)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours of an emulated screen (WCAG 2)."""
    darker, lighter = sorted(lightness(int(colour, 16)) for colour in (first, second))
    return (lighter + 0.05) / (darker + 0.05)
