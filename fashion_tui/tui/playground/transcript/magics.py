"""Cells as plain Python: what only IPython understands becomes a comment."""

import ast
import re
import warnings

_MAGIC = re.compile(
    r"""\s*(?:
        %{1,2}[a-zA-Z_]  # %timeit x
      | !  # !ls
      | [\w.,\s]+=\s*(?:%[a-zA-Z_]|!)  # files = !ls
      | \?{1,2}[%\w.*]+\s*$  # ?name
      | [%\w.*\[\]]+\?{1,2}\s*$  # name??
    )""",
    re.VERBOSE,
)
_AROUND_PYTHON = {"capture", "prun", "time", "timeit"}
"""Cell magics whose cells hold Python."""


def as_python(code: str) -> str:
    """The code of a cell as a file of Python may hold it."""
    if _compiles(code):
        return code
    if _compiles(code, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        return f"# await outside of a function: IPython and notebooks run it\n{code}"
    first, _, rest = code.lstrip().partition("\n")
    if first.startswith("%%"):
        name = first[2:].split(maxsplit=1)[0] if first[2:].split() else ""
        # At the beginning of a comment `%%` would begin a cell.
        return f"# cell magic: {first}\n{as_python(rest) if name in _AROUND_PYTHON else _commented(rest)}"
    python = "\n".join(map(_without_magic, code.split("\n")))
    return python if _compiles(python) else f"# no Python as it stands:\n{_commented(code)}"


def _compiles(code: str, flags: int = 0) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<cell>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return False
    return True


def _without_magic(line: str) -> str:
    if not _MAGIC.match(line):
        return line
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    return f"{indent}pass  # {code}" if indent else f"# {code}"


def _commented(code: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in code.split("\n"))
