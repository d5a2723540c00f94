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


class QuickNet(nn.Module):
    """Three small convolutions, each halved in size before it is normalised, and one linear layer.

    41,328 parameters. Takes `[N, 1, 28, 28]`, gives the logits `[N, 10]`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 96, kernel_size=3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(96)
        self.fc = nn.Linear(96 * 3 * 3, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), kernel_size=2)))  # [N, 16, 14, 14]
        x = F.relu(self.norm2(F.max_pool2d(self.conv2(x), kernel_size=2)))  # [N, 32, 7, 7]
        x = F.relu(self.norm3(F.max_pool2d(self.conv3(x), kernel_size=2)))  # [N, 96, 3, 3]
        logits: Tensor = self.fc(x.flatten(start_dim=1))  # [N, 10]
        return logits


class Group(nn.Module):
    """Two 3×3 convolutions, the first followed by max pooling: `[N, i, H, W]` to `[N, o, H/2, W/2]`.

    Both begin as the identity (dirac), as in Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds on a single GPU".
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        for conv in (self.conv1, self.conv2):
            nn.init.dirac_(conv.weight.data[: conv.in_channels])

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), kernel_size=2)))
        return F.relu(self.norm2(self.conv2(x)))


class StrongNet(nn.Module):
    """A small stem and three groups, then the highest value of each channel decides.

    292,656 parameters. Takes `[N, 1, 28, 28]`, gives the logits `[N, 10]`.
    """

    CHANNELS = 16
    """Of the stem; each group doubles them."""
    SCALE = 0.5
    """Of the logits: label smoothing wants them small."""

    def __init__(self) -> None:
        super().__init__()
        c = self.CHANNELS
        self.stem = nn.Conv2d(1, c, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(c)
        self.group1 = Group(c, 2 * c)
        self.group2 = Group(2 * c, 4 * c)
        self.group3 = Group(4 * c, 8 * c)
        self.fc = nn.Linear(8 * c, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))  # [N, c, 28, 28]
        x = self.group1(x)  # [N, 2c, 14, 14]
        x = self.group2(x)  # [N, 4c, 7, 7]
        x = self.group3(x)  # [N, 8c, 3, 3]
        x = x.amax(dim=(2, 3))  # [N, 8c]
        logits: Tensor = self.fc(x) * self.SCALE  # [N, 10]
        return logits


class WideNet(StrongNet):
    """As `StrongNet`, twice as wide: 1,165,920 parameters."""

    CHANNELS = 32


class WiderNet(StrongNet):
    """As `StrongNet`, four times as wide: 4,654,272 parameters."""

    CHANNELS = 64


MODELS: dict[str, type[nn.Module]] = {
    "guide": GuideNet,
    "quick": QuickNet,
    "strong": StrongNet,
    "wide": WideNet,
    "wider": WiderNet,
}
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
