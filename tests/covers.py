"""Lists each option of the command line and each field of a recipe with the tests of its effect.

`python -m tests.covers` prints the list. A test names the options and fields that it covers in a marker:

    @pytest.mark.covers("train --batch-size", "recipe.batch_size")

Such a test must fail if the option or the field has no effect. Accepting a value isn't an effect. `fashion-tui --runs`
is an option in front of a command, and `* --help` is the option of every command, for a test that tries all of them.
"""

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

import click

from fashion_tui.cli.main import fashion_tui
from fashion_tui.cli.spec import command_line_spec
from fashion_tui.schema.recipe import Recipe

TESTS = Path(__file__).parent
PROGRAM = "fashion-tui"


def subjects() -> list[str]:
    """Return the name of each option and each field, in the order of the command line and of the class."""
    spec = command_line_spec(click.Context(fashion_tui, info_name=PROGRAM))
    return [
        *_option_names(PROGRAM, spec["options"]),
        *(name for command in spec["commands"] for name in _option_names(command["name"], command["options"])),
        *(f"recipe.{field}" for field in Recipe.__struct_fields__),
    ]


def _option_names(command: str, options: list[dict[str, list[str]]]) -> list[str]:
    return [f"{command} {next(flag for flag in each['flags'] if flag.startswith('--'))}" for each in options]


def markers(folder: Path = TESTS) -> list[tuple[str, str]]:
    """Return the names in all markers of a folder's tests, each with the test that has the marker.

    The source is searched, so that the result doesn't depend on which tests are selected.
    """
    return [pair for file in sorted(folder.rglob("test_*.py")) for pair in _markers_in(file, folder)]


def _markers_in(file: Path, folder: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            for call in (call for decorator in node.decorator_list for call in ast.walk(decorator)):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.covers":
                    for name in call.args:
                        yield ast.literal_eval(name), f"{file.relative_to(folder)}::{node.name}"


def covering_tests() -> dict[str, list[str]]:
    """Return the tests of each option and each field."""
    found = markers()
    return {
        subject: list(dict.fromkeys(test for name, test in found if fnmatch.fnmatchcase(subject, name)))
        for subject in subjects()
    }


def main() -> None:
    found = covering_tests()
    width = max(map(len, found))
    for subject, tests in found.items():
        for test in tests or ["no test"]:
            print(f"{subject:<{width}}  {test}")


if __name__ == "__main__":
    main()
