"""The networks, each as one would write it down while reading."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.schema.errors import UsageError


class GuideNet(nn.Module):
    """The guide's network: two convolutions, each halved in size by max pooling, then two linear layers.

    204,542 parameters. Takes `[N, 1, 28, 28]`, gives the logits `[N, 10]`: scores, not yet probabilities.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels=1, out_channels=12, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(in_channels=12, out_channels=20, kernel_size=5, padding=2)
        self.fc1 = nn.Linear(in_features=20 * 7 * 7, out_features=200)
        self.fc2 = nn.Linear(in_features=200, out_features=10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), kernel_size=2)  # [N, 12, 14, 14]
        x = F.max_pool2d(F.relu(self.conv2(x)), kernel_size=2)  # [N, 20, 7, 7]
        x = x.flatten(start_dim=1)  # [N, 980]
        x = F.relu(self.fc1(x))  # [N, 200]
        logits: Tensor = self.fc2(x)  # [N, 10]
        return logits


MODELS: dict[str, type[nn.Module]] = {"guide": GuideNet}
"""By the names of `schema.recipe.MODELS`."""


def build(name: str) -> nn.Module:
    """The network of that name, its weights drawn from torch's generator; UsageError for an unknown name.

    Channels last: convolutions find all values of a pixel side by side in memory, which is how they are fastest.
    """
    if name not in MODELS:
        raise UsageError(f"no model is called {name!r}; there is: {', '.join(MODELS)}")
    return MODELS[name]().to(memory_format=torch.channels_last)


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def first_non_finite(model: nn.Module) -> str | None:
    """The name of the first weight or buffer that holds a NaN or an infinity; None where all are finite."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return name
    return None
