"""Reading runs needs neither torch nor a terminal library."""

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
import fashion_tui.runs
for module in pkgutil.iter_modules(fashion_tui.runs.__path__):
    importlib.import_module(f"fashion_tui.runs.{module.name}")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_package_imports_no_heavy_library() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "fashion_tui" in loaded
    assert not {"torch", "torchvision", "numpy", "textual", "rich", "click"} & set(loaded)
