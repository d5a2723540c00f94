"""Small networks for the tests of the shape trace."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Guide(nn.Module):
    """The guide's network, with `view` as the guide writes it."""

    def __init__(self, *, pooling: int = 2, features: int = 980) -> None:
        super().__init__()
        self.pooling = pooling
        self.features = features
        self.conv1 = nn.Conv2d(1, 12, 5, padding=2)
        self.conv2 = nn.Conv2d(12, 20, 5, padding=2)
        self.fc1 = nn.Linear(980, 200)
        self.fc2 = nn.Linear(200, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), kernel_size=2, stride=2)
        x = F.max_pool2d(F.relu(self.conv2(x)), kernel_size=self.pooling, stride=self.pooling)
        x = x.view(-1, self.features)
        x = F.relu(self.fc1(x))
        logits: Tensor = self.fc2(x)
        return logits


class FunctionNet(nn.Module):
    """A network with the given function as its `forward` and with the given attributes."""

    def __init__(self, forward: Callable[..., Any], **attributes: Any) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)
        self.run = forward

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(self.norm(self.conv(x)), inplace=True)
        out += x
        return out


def build_on_meta(make: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> nn.Module:
    with torch.device("meta"):
        return make(*args, **kwargs)
