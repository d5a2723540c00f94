"""Find all mutants of a package and sample some of them."""

import ast
import difflib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import libcst as cst
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_string

OPERATORS = [(kind, operator) for kind, operator in mutation_operators if operator is not operator_string]
"""The mutation operators of mutmut, except those for strings, because tests don't assert a message word by word."""

UNCHANGED_CALLS = frozenset({"len", "isinstance", "cast", "TypeVar"})
"""Functions whose arguments aren't changed, because that raises an error at once or has no effect."""


@dataclass(frozen=True)
class Mutant:
    """A changed file."""

    file: str
    """Path of the file, relative to the project."""
    line: int
    """The first line that differs."""
    statement: range
    """Lines of the changed statement, up to `line`."""
    code: str
    """The file's new content."""
    diff: str


def sample_mutants(project: Path, packages: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """Return `count` mutants of these packages, or all if there are fewer. The same seed gives the same mutants."""
    sources = [path for package in packages for path in sorted((project / "fashion_tui" / package).rglob("*.py"))]
    changes = [(path, index) for path in sources for index in range(len(_Finder.run(path)[1]))]
    sampled = sorted(random.Random(seed).sample(changes, min(count, len(changes))))
    mutants = []
    for path in dict.fromkeys(path for path, _ in sampled):
        module, found = _Finder.run(path)
        mutants += [_mutant(project, path, module, *found[index]) for file, index in sampled if file == path]
    return mutants


Change = tuple[cst.CSTNode, cst.CSTNode]
"""A node, and the node that replaces it."""


class _Finder(cst.CSTVisitor):
    """Finds all changes of a module, except in annotations and decorators."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    @classmethod
    def run(cls, path: Path) -> tuple[cst.Module, list[Change]]:
        finder = cls()
        module = cst.parse_module(path.read_text(encoding="utf-8"))
        module.visit(finder)
        return module, finder.changes

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
            return False
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in UNCHANGED_CALLS:
            return False
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                changes = [(node, changed) for changed in operator(node)]
                self.changes += filter(_drops_a_keyword, changes) if operator is operator_arg_removal else changes
        return True


def _drops_a_keyword(change: Change) -> bool:
    """Return whether a call has lost a keyword argument.

    Without a positional argument, or with None in its place, nearly every call raises an error at once.
    """
    old, new = change
    assert isinstance(old, cst.Call)
    assert isinstance(new, cst.Call)
    keywords = [[argument.keyword.value for argument in call.args if argument.keyword] for call in (old, new)]
    return len(keywords[1]) < len(keywords[0])


def _mutant(project: Path, path: Path, module: cst.Module, old: cst.CSTNode, new: cst.CSTNode) -> Mutant:
    file = str(path.relative_to(project))
    mutated = module.deep_replace(old, new)
    assert isinstance(mutated, cst.Module)
    before, after = module.code.splitlines(), mutated.code.splitlines()
    line = 1 + next(index for index, pair in enumerate(zip_longest(before, after)) if pair[0] != pair[1])
    diff = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return Mutant(file, line, _statement(module.code, line), mutated.code, "\n".join(diff))


def _statement(code: str, line: int) -> range:
    """Return the lines of the innermost statement that contains `line`, from its first line to `line`."""
    starts = [
        node.lineno
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return range(max(starts, default=line), line + 1)
