"""Create the network that the user's code defines, and describe errors in the code in one line."""

import difflib
import inspect
import math
import re
import sys
import traceback
from types import FrameType, ModuleType
from typing import Any

import torch
from torch import nn

from fashion_tui.lab.trace.structure import named_modules
from fashion_tui.schema.errors import UsageError, UserError

from .parameter_limit import TooManyParameters, limit_parameters

MODULE_PREFIX = "fashion_tui_custom_model_"
"""Prefix of the names of all modules in which the user's files are executed. It is followed by a number and a dot."""

UNSAVED = "the edited source"
"""File name shown in error messages for source code that wasn't read from a file."""


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class SourceError(UserError):
    """Raised when the user's code raises an error or defines no network."""

    def __init__(self, message: str, file: str, line: int | None) -> None:
        super().__init__(f"{file}{f':{line}' if line is not None else ''}: {message}")
        self.message = message
        """The error message without the file and the line."""
        self.file = file
        """Path of the file, as shown to the user."""
        self.line = line
        """Line number in the file, or None if unknown."""


class WrongArguments(UsageError):
    """Raised when the arguments don't match the signature of the network."""

    def __init__(self, message: str, hint: str, make: Any) -> None:
        """`make` is the class or function that takes the arguments."""
        super().__init__(f"{message}; {hint}")
        self.message = message
        """The error message without the hint."""
        self.file = _file_of(make)
        """Path of the file that declares the arguments, or None if it is unknown."""
        self.line = _line_of_arguments(make)
        """Line that declares the arguments, or None if it is unknown."""


def choose_network(module: ModuleType, class_name: str | None, *, exact: bool) -> str:
    """Return the name of the network in a module.

    The network is `class_name` if the module has an attribute with this name. Otherwise, the network is the last
    subclass of `nn.Module` that the module defines. If `exact` is True, an unknown `class_name` is an error, and
    without `class_name`, the module must define exactly one subclass of `nn.Module`.

    Raises UsageError or SourceError if the module has no such network.
    """
    classes = _network_classes(module)
    if not classes and not hasattr(module, class_name or ""):
        raise SourceError("no class is derived from nn.Module", str(module.__file__), None)
    if not exact and not hasattr(module, class_name or ""):
        return classes[-1]
    choices = ", ".join(classes) or "no class derived from nn.Module"
    if not class_name and len(classes) != 1:
        raise UsageError(f"{module.__file__} defines {choices}; choose one: {module.__file__}:Class")
    name = class_name or classes[0]
    value = getattr(module, name, None)
    if value is None or isinstance(value, ModuleType):
        raise UsageError(f"{module.__file__} defines no network {name!r}; it defines {choices}")
    return name


def instantiate(make: Any, arguments: dict[str, Any], name: str, device: str, max_bytes: float = math.inf) -> nn.Module:
    """Return `make(**arguments)`, or `make` itself if it is already a network.

    On the `meta` device, the weights have shapes but no values. If the constructor needs values, the weights are on the
    CPU instead. If the weights would take more than `max_bytes`, they are on the `meta` device instead.

    Raises UserError if `make` fails or doesn't return a network, and WrongArguments if `make` doesn't take the
    arguments.
    """
    if isinstance(make, nn.Module):
        _check_initialised(make)
        return make
    if not callable(make):
        raise UserError(f"{name} is an instance of {type(make).__name__}, not a class derived from nn.Module")
    if isinstance(make, type) and not issubclass(make, nn.Module):
        raise UserError(f"the class {name} isn't derived from nn.Module")
    _check_arguments(make, arguments, name)
    if device == "meta":
        try:
            with torch.device("meta"):
                return _call(make, arguments, name)
        except UserError:
            pass  # the constructor may read values, which meta tensors lack; other errors occur again on the CPU
    try:
        with limit_parameters(max_bytes):
            return _call(make, arguments, name)
    except TooManyParameters:
        with torch.device("meta"):
            return _call(make, arguments, name)


def explain_error(error: BaseException, prefix: str = "") -> UserError:
    """Return a UserError whose one-line message names the innermost line of the user's files in the traceback."""
    if isinstance(error, UserError):  # one of the user's modules can't be read
        return error
    if isinstance(error, SyntaxError):
        return SourceError(f"{prefix}{error.msg}", error.filename or UNSAVED, error.lineno)
    reason = without_prefix(" ".join(str(error).split()))
    message = f"{prefix}{type(error).__name__}{f': {reason}' if reason else ''}{_hint(error)}"
    entries = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_users(frame)]
    if not entries:
        return UserError(message)
    frame, line = entries[-1]
    return SourceError(message, frame.f_code.co_filename, line)


def without_prefix(message: str) -> str:
    """Return Python's message about an import, with the user's modules named as in their source."""
    return re.sub(rf"{MODULE_PREFIX}\d+(\.?)", lambda match: "" if match[1] else "the model's folder", message)


def _is_users(frame: FrameType) -> bool:
    """Return whether a frame executes code of the user's files."""
    return str(frame.f_globals.get("__name__", "")).startswith(MODULE_PREFIX)


def _hint(error: BaseException) -> str:
    """Return a hint to append to the message of an error in the user's code, or an empty string."""
    if isinstance(error, ModuleNotFoundError):
        return "; it is neither in the folder or package of the model's file nor installed"
    if isinstance(error, ImportError) and "beyond top-level package" in str(error):
        return "; a package begins at the topmost folder that has an __init__.py"
    return constructor_hint(error)


def constructor_hint(error: BaseException) -> str:
    """Return a hint to append to the message of an error that is raised while a network is constructed.

    The hint is a similar attribute name, a missing call, or the values of the constructor's arguments that are wrong or
    are named in the message. It is empty if there is nothing to suggest.
    """
    if "before Module.__init__() call" in str(error):
        return "; call super().__init__() first"
    if isinstance(error, AttributeError) and error.obj is not None:
        names = {name.lower(): name for name in dir(error.obj)}
        close = difflib.get_close_matches(str(error.name).lower(), names, 1)
        return f"; did you mean {names[close[0]]!r}?" if close else ""
    *_, (frame, _) = [(None, 0), *traceback.walk_tb(error.__traceback__)]
    if "is not a Module subclass" in str(error) and frame is not None:
        return _class_hint(frame.f_locals.get("module"))
    layers = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "__init__"]
    if frame is None or not layers or not layers[-1].f_globals.get("__name__", "").startswith("torch.nn"):
        return ""
    values = {name: value for name, value in layers[-1].f_locals.items() if isinstance(value, int | float | str)}
    wrong = {name: value for name, value in values.items() if name.endswith(("features", "channels", "size", "dim"))}
    wrong = {name: value for name, value in wrong.items() if not isinstance(value, int)}
    named = wrong or {name: value for name, value in values.items() if re.search(rf"\b{name}\b", str(error))}
    listed = ", ".join(f"{name} is {value!r}" for name, value in named.items())
    return f"; {listed}{', but an integer is needed' if wrong else ''}" if listed else ""


def _class_hint(module: object) -> str:
    """Return a hint to create an instance if `module` is a layer class instead of a layer."""
    if not isinstance(module, type) or not issubclass(module, nn.Module):
        return ""
    prefix = "nn." if module.__module__.startswith("torch.nn") else ""
    parameters = inspect.signature(module).parameters.values()
    is_complete = all(item.default is not item.empty or item.kind in _VARIADIC for item in parameters)
    return f"; write {prefix}{module.__name__}({'' if is_complete else '…'})"


def _network_classes(module: ModuleType) -> list[str]:
    """Return the names of the subclasses of `nn.Module` that the module itself defines, in order of definition."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]


def _call(make: Any, arguments: dict[str, Any], name: str) -> nn.Module:
    try:
        model = make(**arguments)
    except (Exception, SystemExit) as error:
        raise explain_error(error, f"can't create {name}: ") from error
    if not isinstance(model, nn.Module):
        raise UserError(f"{name} returned an instance of {type(model).__name__}, not an nn.Module")
    _check_initialised(model)
    return model


def _check_initialised(model: nn.Module) -> None:
    """Raise UserError if a module lacks the attributes that `nn.Module.__init__` sets."""
    for _, module in named_modules(model):
        if not hasattr(module, "_forward_hooks"):
            raise UserError(f"{type(module).__name__}.__init__ doesn't call super().__init__()")


def _check_arguments(make: Any, arguments: dict[str, Any], name: str) -> None:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return
    by_keyword = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    named = {parameter.name: parameter for parameter in parameters if parameter.kind in by_keyword}
    required = [key for key, parameter in named.items() if parameter.default is inspect.Parameter.empty]
    missing = [key for key in required if key not in arguments]
    if missing:
        example = ", ".join(f'"{key}": …' for key in missing)
        raise WrongArguments(f"{name} needs {', '.join(missing)}", f"add --args '{{{example}}}'", make)
    unknown = [key for key in arguments if key not in named]
    if unknown and not takes_any:
        hint = f"it takes {', '.join(named) or 'no arguments'}"
        raise WrongArguments(f"{name} doesn't take {', '.join(unknown)}", hint, make)


def _line_of_arguments(make: Any) -> int | None:
    code = getattr(getattr(make, "__init__", None) if isinstance(make, type) else make, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == _file_of(make) else None


def _file_of(make: Any) -> str | None:
    return getattr(sys.modules.get(getattr(make, "__module__", "")), "__file__", None)
