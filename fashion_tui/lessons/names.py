"""The global names that a cell reads and assigns."""

import ast
import dis
import types
import warnings
from dataclasses import dataclass

MAX_LENGTH = 100_000
"""Maximum length of the code to analyse, in characters. Longer code is slow to compile."""


@dataclass(frozen=True)
class CellNames:
    read: frozenset[str] = frozenset()
    """Names that the cell reads before assigning them."""
    assigned: frozenset[str] = frozenset()
    """Names that the cell assigns, defines, imports or deletes."""
    functions: frozenset[str] = frozenset()
    """Names of the functions and classes that the cell defines."""
    read_by_functions: frozenset[str] = frozenset()
    """Global names that the bodies of the cell's functions and classes read."""


def names_in(code: str) -> CellNames:
    """Return the names in a cell, or no names if the code isn't plain Python, for example if it has magics."""
    if len(code) > MAX_LENGTH:
        return CellNames()
    try:
        with warnings.catch_warnings(action="ignore"):  # the kernel shows the same warnings when it compiles the cell
            module = compile(code, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return CellNames()
    read: set[str] = set()
    assigned: set[str] = set()
    functions: set[str] = set()
    read_by_functions: set[str] = set()
    for instruction in dis.get_instructions(module):
        match instruction.opname, instruction.argval:
            case "STORE_NAME" | "STORE_GLOBAL" | "DELETE_NAME", str(name):
                assigned.add(name)
            case "LOAD_NAME" | "LOAD_GLOBAL", str(name) if name not in assigned:
                read.add(name)
            case _, types.CodeType() as body:
                functions.add(body.co_name)
                read_by_functions |= _globals_in(body)
                read |= _globals_in(body) - assigned
    return CellNames(*map(frozenset, (read, assigned, functions, read_by_functions)))


def _globals_in(body: types.CodeType) -> set[str]:
    """Return the global names that the body of a function, class or comprehension uses."""
    names: set[str] = set()
    for instruction in dis.get_instructions(body):
        match instruction.opname, instruction.argval:
            case "LOAD_NAME" | "LOAD_GLOBAL", str(name):
                names.add(name)
            case _, types.CodeType() as inner:
                names |= _globals_in(inner)
    return names
