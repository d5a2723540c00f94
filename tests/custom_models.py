"""Custom models for tests that train or execute them."""

from collections.abc import Mapping
from pathlib import Path

from fashion_tui.runs.trust import TRUSTED_FILE
from fashion_tui.schema.models import CustomModel, LocalModules

DROPOUT_NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(784, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, 10)
        )

    def forward(self, x):
        return self.body(x)
"""


PACKAGE = {
    "project/__init__.py": "from .models.net import Net\n",
    "project/sizes.py": "import numpy\n\nWIDTH = int(numpy.int64(16))\n",
    "project/models/__init__.py": "",
    "project/models/net.py": """
from torch import nn

from project.sizes import WIDTH
from .blocks import Block


class Net(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), Block(784, width), nn.Linear(width, 10))

    def forward(self, x):
        from .scaling import scale

        return scale(self.body(x))
""",
    "project/models/blocks.py": """
from torch import nn


class Block(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.3))
""",
    "project/models/scaling.py": """
calls = 0


def scale(x):
    global calls
    calls += x.requires_grad
    return x / (1 + calls / 1000)
""",
}
"""The files of a package that defines a network. `forward` imports a module, which has state."""

PACKAGE_MAIN = "project/models/net.py"


def write_files(folder: Path, files: Mapping[str, str] = PACKAGE) -> Path:
    """Write files, and return the path of the file that defines the network."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder / PACKAGE_MAIN


def model_in_several_files(**arguments: object) -> CustomModel:
    """Return the network of `PACKAGE` as it is stored with a run."""
    modules = {path: source for path, source in PACKAGE.items() if path != PACKAGE_MAIN}
    stored = LocalModules(main=PACKAGE_MAIN, sources=modules, packages=("numpy",))
    return CustomModel(source=PACKAGE[PACKAGE_MAIN], class_name="Net", arguments=arguments, modules=stored)


def custom_model(source: str = DROPOUT_NET, name: str = "Net", **arguments: object) -> CustomModel:
    return CustomModel(source=source, class_name=name, arguments=arguments)


def source_that_writes(file: Path) -> str:
    """Return the source of a network that appends to a file when it is executed."""
    return f"{DROPOUT_NET}\n\nwith open({str(file)!r}, 'a') as file:\n    file.write('executed')\n"


def forget_trust(state_home: Path) -> None:
    """Delete the list of trusted networks, so that no custom model is trusted."""
    (state_home / "fashion-tui" / TRUSTED_FILE).unlink(missing_ok=True)
