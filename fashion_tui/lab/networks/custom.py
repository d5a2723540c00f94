"""Networks by what a person writes: a name of ours, `file.py:Class`, `torchvision:NAME`.

Loading a file runs the code in it. What goes wrong there is told in one line, with the line of the file.
"""

import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from fashion_tui.schema.errors import UsageError, UserError

from .builtin import MODELS

TORCHVISION = "torchvision:"
MODULE_NAME = "fashion_tui_model_source"
UNSAVED = "the edited source"
"""Stands for the file of a source that lies in none."""


class SourceFault(UserError):
    """A person's code fails where it is read or the network is made."""

    def __init__(self, words: str, file: str, line: int | None) -> None:
        super().__init__(f"{file}{f':{line}' if line is not None else ''}: {words}")
        self.words = words
        """What is wrong, without the place."""
        self.line = line
        """In that file; None where it isn't known."""


class WrongArguments(UsageError):
    """The network takes others than were given."""

    def __init__(self, words: str, way_out: str, line: int | None) -> None:
        super().__init__(f"{words}; {way_out}")
        self.words = words
        """What is wrong, without the way out."""
        self.line = line
        """Of the file or text, where its arguments are named."""


def load_model(spec: str, arguments: Mapping[str, Any] | None = None, *, device: str = "cpu") -> nn.Module:
    """The network that `spec` names, as `network` makes it, for what needs no modules of its file's folder later."""
    with network(spec, arguments, device=device) as model:
        return model


@contextmanager
def network(spec: str, arguments: Mapping[str, Any] | None = None, *, device: str = "cpu") -> Iterator[nn.Module]:
    """The network that `spec` names, made with the keyword `arguments`, its weights fresh.

    The class may be left out where the file defines one network. The file is read anew each time, and the modules of
    its folder are at hand while the network is used. With device `meta` its weights have shapes but no values, so that
    the largest network is made at once; where its code can't do without values, they are on the CPU all the same.

    UsageError where there is no such thing, or it takes other arguments; UserError where the file can't be read or the
    person's code fails.
    """
    arguments = dict(arguments or {})
    if spec in MODELS:
        yield _made(MODELS[spec], arguments, spec, device)
        return
    if spec.startswith(TORCHVISION):
        yield _from_torchvision(spec, arguments, device)
        return
    file, _, name = spec.rpartition(":") if not spec.endswith(".py") else (spec, "", "")
    path = Path(file).expanduser()
    if path.suffix != ".py":
        raise UsageError(
            f"no model is called {spec!r}; there is: {', '.join(MODELS)}, file.py:Class for your own, "
            f"{TORCHVISION}NAME (such as {TORCHVISION}resnet18)"
        )
    with _folder_at_hand(path.resolve().parent):
        module = _run(_read(path), str(path))
        chosen = _chosen(module, name, path)
        yield _made(getattr(module, chosen), arguments, chosen, device)


@contextmanager
def source_network(  # noqa: PLR0913
    source: str,
    name: str | None,
    arguments: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    exact: bool = False,
    alone: bool = False,
    device: str = "cpu",
) -> Iterator[tuple[nn.Module, str]]:
    """The network that a text defines, and what it is called there.

    That is the one asked for, or, where the text has nothing of that name, its last class that is a network; unless it
    has to be `exact`. `file` is where the text belongs, whether or not it is saved there: errors name it, and the
    modules of its folder are at hand, unless it has to stand `alone`. Raises what `network` does; SourceFault tells the
    line.
    """
    place = UNSAVED if file is None else str(file)
    with nullcontext() if file is None or alone else _folder_at_hand(file.resolve().parent):
        module = _run(source.encode(), place)
        if exact or hasattr(module, name or ""):
            name = _chosen(module, name or "", Path(place))
        elif own := _networks_of(module):
            name = own[-1]
        else:
            raise SourceFault("no class in it is derived from nn.Module", place, None)
        yield _made(getattr(module, name), dict(arguments or {}), name, device), name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from error


def _run(source: bytes, file: str) -> ModuleType:
    """The text as a module of its own."""
    module = ModuleType(MODULE_NAME)
    module.__file__ = file
    sys.modules[MODULE_NAME] = module
    try:
        exec(compile(source, file, "exec"), vars(module))  # noqa: S102 - the person's own code, as was asked for
    except (Exception, SystemExit) as error:
        raise explained(error, file) from error
    return module


def _networks_of(module: ModuleType) -> list[str]:
    """The names of the classes of networks that it defines, in their order."""
    return [
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == MODULE_NAME
    ]


def _chosen(module: ModuleType, name: str, path: Path) -> str:
    """The name of what is meant: that one, or without a name the single network that there is."""
    own = _networks_of(module)
    listed = ", ".join(own) or "no class derived from nn.Module"
    if not name and len(own) != 1:
        raise UsageError(f"{path} has {listed}; say which one: {path}:Class")
    chosen = getattr(module, name or own[0], None)
    if chosen is None or isinstance(chosen, ModuleType):
        raise UsageError(f"{path} has no network called {name!r}; it has {listed}")
    return name or own[0]


def _from_torchvision(spec: str, arguments: dict[str, Any], device: str) -> nn.Module:
    from torchvision import models  # noqa: PLC0415 - takes 2 s to import, so only where it is needed

    name = spec.removeprefix(TORCHVISION)
    if name not in models.list_models():
        raise UsageError(f"torchvision has no model {name!r}; some that it has: resnet18, vgg11_bn, mobilenet_v3_small")
    if arguments.get("weights") is not None:
        raise UsageError("weights aren't downloaded here; leave them out of the arguments")
    without_slow_start = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    return _made(models.get_model_builder(name), {"weights": None, **without_slow_start, **arguments}, spec, device)


def _made(make: Any, arguments: dict[str, Any], name: str, device: str) -> nn.Module:
    if isinstance(make, nn.Module):
        return make
    if not callable(make):
        raise UserError(f"{name} is a {type(make).__name__}, no class derived from nn.Module")
    if isinstance(make, type) and not issubclass(make, nn.Module):
        raise UserError(f"the class {name} isn't derived from nn.Module")
    _check_arguments(make, arguments, name)
    if device == "meta":
        try:
            with torch.device("meta"):
                return _called(make, arguments, name)
        except UserError:
            pass  # a class that asks for values while it is made; what else is wrong shows itself again
    return _called(make, arguments, name)


def _called(make: Any, arguments: dict[str, Any], name: str) -> nn.Module:
    try:
        model = make(**arguments)
    except (Exception, SystemExit) as error:
        raise explained(error, _file_of(make), f"{name} can't be made: ") from error
    if not isinstance(model, nn.Module):
        raise UserError(f"{name} gave a {type(model).__name__}, no nn.Module")
    return model


def _check_arguments(make: Any, arguments: dict[str, Any], name: str) -> None:
    """UsageError where the arguments aren't those that it takes."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return
    kinds = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    named = {parameter.name: parameter for parameter in parameters if parameter.kind in kinds}
    needed = [key for key, parameter in named.items() if parameter.default is inspect.Parameter.empty]
    missing = [key for key in needed if key not in arguments]
    if missing:
        example = ", ".join(f'"{key}": …' for key in missing)
        raise WrongArguments(
            f"{name} needs {', '.join(missing)}", f"give them as --args '{{{example}}}'", _line_of_arguments(make)
        )
    unknown = [key for key in arguments if key not in named]
    if unknown and not takes_any:
        takes = f"it takes: {', '.join(named) or 'no arguments'}"
        raise WrongArguments(f"{name} takes no {', '.join(unknown)}", takes, _line_of_arguments(make))


def _line_of_arguments(make: Any) -> int | None:
    code = getattr(getattr(make, "__init__", None) if isinstance(make, type) else make, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == _file_of(make) else None


@contextmanager
def _folder_at_hand(folder: Path) -> Iterator[None]:
    """Its modules can be imported, as they are on the disk now; no compiled copies are left there."""
    writes_none = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_none
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        _forget(folder)


def _forget(folder: Path) -> None:
    """Modules of that folder are imported anew the next time, since they may be edited."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).resolve().parent == folder:
            del sys.modules[name]


def _file_of(make: Any) -> str | None:
    return getattr(sys.modules.get(getattr(make, "__module__", "")), "__file__", None)


def explained(error: BaseException, file: str | None, what: str = "") -> UserError:
    """The error in one line, with the last line of the file that it went through."""
    if isinstance(error, SyntaxError):
        return SourceFault(f"{what}{error.msg}", error.filename or file or UNSAVED, error.lineno)
    reason = " ".join(str(error).split())
    words = f"{what}{type(error).__name__}{f': {reason}' if reason else ''}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    if file is None or not lines:
        return UserError(words)
    return SourceFault(words, file, lines[-1])
