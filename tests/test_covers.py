"""Every option of the command line and every field of a recipe has a test of its effect; see `covers`."""

import fnmatch
from pathlib import Path

from .covers import covering_tests, markers, subjects


def test_every_option_and_every_field_has_a_test() -> None:
    assert [subject for subject, tests in covering_tests().items() if not tests] == []


def test_every_marker_names_an_option_or_a_field() -> None:
    known = subjects()
    assert [pair for pair in markers() if not fnmatch.filter(known, pair[0])] == []


def test_the_list_has_the_options_of_the_program_and_of_each_command_and_the_fields_of_a_recipe() -> None:
    assert {"fashion-tui --spec", "train --deterministic", "export --output", "recipe.std"} <= set(subjects())


def test_markers_are_found_in_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "cli"
    folder.mkdir()
    (folder / "test_a.py").write_text(
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.covers('train --lr', 'recipe.std'))])\n"
        "@pytest.mark.covers('* --help')\n"
        "async def test_one(a): pass\n"
        "@pytest.mark.covers('eval --json')\n"
        "def helper(): pass\n"
    )
    test = "cli/test_a.py::test_one"
    assert markers(tmp_path) == [("train --lr", test), ("recipe.std", test), ("* --help", test)]
