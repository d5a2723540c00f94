"""Commands in the C locale, where a terminal may show nothing but ASCII."""

from pathlib import Path

import pytest

from tests.terminal import Terminal

from .conftest import COMMAND, Call, TrainedRun


@pytest.mark.usefixtures("forked_processes")  # commands with another locale run in a forked process
@pytest.mark.parametrize("locale", [{"LANG": "C", "LC_ALL": ""}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_reports_are_ascii_without_question_marks(call: Call, trained: TrainedRun, locale: dict[str, str]) -> None:
    for command in (("runs",), ("shapes", "guide"), ("eval", "latest")):
        result = call(*command, "--runs", trained.runs, **locale)
        assert result.status == 0, result.err
        assert result.out.isascii()
        assert "?" not in result.out


def test_json_is_utf_8_in_any_locale(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "Läufe"
    (folder / "20990101-000000-guide-cut0").mkdir(parents=True)
    (run,) = call("runs", "--runs", folder, "--json", LC_ALL="C").json
    assert run["path"] == str(folder / run["run"])


def test_doctor_says_how_to_get_unicode(environment: dict[str, str], tmp_path: Path) -> None:
    environ = environment | {"LANG": "C", "LC_ALL": "", "TERM": "xterm", "FASHION_TUI_RUNS": str(tmp_path)}
    with Terminal((*COMMAND, "doctor"), environ, (120, 40)) as terminal:
        terminal.wait_for("LANG=C.UTF-8")
        terminal.wait_for("ASCII only")
        assert terminal.exit_status() == 0
