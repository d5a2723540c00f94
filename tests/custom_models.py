"""Custom models for tests that train or execute them."""

from pathlib import Path

from fashion_tui.runs.trust import TRUSTED_FILE
from fashion_tui.schema.models import CustomModel

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


def custom_model(source: str = DROPOUT_NET, name: str = "Net", **arguments: object) -> CustomModel:
    return CustomModel(source=source, class_name=name, arguments=arguments)


def source_that_writes(file: Path) -> str:
    """Return the source of a network that appends to a file when it is executed."""
    return f"{DROPOUT_NET}\n\nwith open({str(file)!r}, 'a') as file:\n    file.write('executed')\n"


def forget_trust(state_home: Path) -> None:
    """Delete the list of trusted networks, so that no custom model is trusted."""
    (state_home / "fashion-tui" / TRUSTED_FILE).unlink(missing_ok=True)
