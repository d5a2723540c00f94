"""The debugger that `breakpoint()` opens."""

import pdb  # noqa: T100 -- this module is the debugger
from typing import Any

from IPython.core import debugger
from IPython.core.debugger import Pdb


class Debugger(Pdb):
    """IPython's debugger, in which an interrupt at the prompt ends the cell, as the command `q` does.

    In IPython's own classes, such an interrupt opens the prompt again or continues the cell. While a statement that
    was entered at the prompt runs, an interrupt ends only that statement.
    """

    def default(self, line: str) -> None:
        try:
            super().default(line)  # type: ignore[no-untyped-call]
        except KeyboardInterrupt:
            self.error("KeyboardInterrupt")

    def _cmdloop(self) -> None:
        self.allow_kbdint = True
        try:
            self.cmdloop()
        except KeyboardInterrupt:
            self.message("KeyboardInterrupt")
            self.set_quit()
        finally:
            self.allow_kbdint = False


def use_debugger() -> None:
    """Make `breakpoint()` and `pdb.set_trace()` open a `Debugger`.

    Call this function after ipykernel has replaced pdb's functions with those of IPython.
    """
    modules: tuple[Any, ...] = (debugger, pdb)
    for module in modules:
        module.Pdb = Debugger
