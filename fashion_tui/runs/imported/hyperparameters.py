"""Read `hparams.yaml`, in which Lightning stores a run's hyperparameters."""

from collections.abc import Callable
from functools import cache
from typing import Any

from fashion_tui.runs.errors import reason
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.script.settings import json_settings
from fashion_tui.schema.text import one_line

HPARAMS_FILE = "hparams.yaml"
MAX_HPARAMS_BYTES = 256 << 10

MAX_VALUES = 10_000
"""Maximum number of values. YAML aliases let a file of a few lines expand to billions of values."""

MAX_DEPTH = 20


@cache
def _loader() -> Callable[[bytes], Any]:
    """Return a function that parses YAML and raises ValueError if that fails.

    It reads a value with a tag, such as `!!python/tuple`, as if it had no tag. No tag constructs an object or executes
    code.
    """
    import yaml  # noqa: PLC0415 - only a run of another library needs it

    base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class PlainLoader(base):  # type: ignore[valid-type, misc]
        def ignore_tag(self, node: yaml.Node) -> Any:
            if isinstance(node, yaml.MappingNode):
                return self.construct_mapping(node, deep=True)
            if isinstance(node, yaml.SequenceNode):
                return self.construct_sequence(node, deep=True)
            return self.construct_scalar(node)

    PlainLoader.add_constructor(None, PlainLoader.ignore_tag)

    def parse(content: bytes) -> Any:
        try:
            return yaml.load(content, PlainLoader)  # noqa: S506 - a subclass of the safe loader
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ValueError(f"line {line}: {error.problem}") from error
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error

    return parse


def read_hyperparameters(folder: Folder) -> tuple[dict[str, object], str | None]:
    """Return the hyperparameters, and a one-line reason if the file, or part of it, can't be read.

    Return no hyperparameters if the file doesn't exist.
    """
    try:
        content = folder.read(HPARAMS_FILE, MAX_HPARAMS_BYTES)
        value = _loader()(content)
        _check_size(value)
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        return {}, f"{HPARAMS_FILE} can't be read: {reason(error)}"
    except (ValueError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
        return {}, f"{HPARAMS_FILE} can't be read: {one_line(str(error))}"
    settings, problem = json_settings(value)
    return settings, None if problem is None else f"{HPARAMS_FILE}: {problem}"


def _check_size(value: object) -> None:
    """Raise ValueError if the value contains too many values or is nested too deeply."""
    count = 0
    remaining = [(value, 0)]
    while remaining:
        value, depth = remaining.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_VALUES:,} values, or more than {MAX_DEPTH} levels")
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list | set | tuple) else ()
        remaining += [(item, depth + 1) for item in items]
