"""Networks as a person writes them, for tests that train them."""

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


def written(source: str = DROPOUT_NET, name: str = "Net", **arguments: object) -> CustomModel:
    return CustomModel(source=source, class_name=name, arguments=arguments)


def that_leaves_a_mark(mark: Path) -> str:
    """A network whose source makes that file when it is executed."""
    return f"{DROPOUT_NET}\n\nwith open({str(mark)!r}, 'a') as mark:\n    mark.write('executed')\n"


def forget_trust(state_home: Path) -> None:
    """As for a user to whom all runs are new."""
    (state_home / "fashion-tui" / TRUSTED_FILE).unlink(missing_ok=True)
