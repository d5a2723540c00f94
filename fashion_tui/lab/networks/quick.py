"""A small network that trains within seconds on a CPU."""

import torch.nn.functional as F
from torch import Tensor, nn


class QuickNet(nn.Module):
    """A network of three 3×3 convolutions and one linear layer, with 41,328 parameters.

    Pooling before batch normalisation leaves only a quarter of the values to normalise. The network takes images `[N,
    1, 28, 28]` and returns logits `[N, 10]`.
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
