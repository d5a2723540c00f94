"""A small network that trains within seconds on a CPU."""

import torch.nn.functional as F
from torch import Tensor, nn


class QuickNet(nn.Module):
    """A network of three 3×3 convolutions and one linear layer.

    Pooling before batch normalisation leaves only a quarter of the values to normalise. The network takes images `[N,
    C, H, W]` and returns logits `[N, classes]`. For images of 1×28×28 and ten classes, it has 41,328 parameters.
    """

    def __init__(self, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.conv1 = nn.Conv2d(channels, 16, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 96, kernel_size=3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(96)
        self.fc = nn.Linear(96 * (height // 8) * (width // 8), classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), kernel_size=2)))  # [N, 16, H/2, W/2]
        x = F.relu(self.norm2(F.max_pool2d(self.conv2(x), kernel_size=2)))  # [N, 32, H/4, W/4]
        x = F.relu(self.norm3(F.max_pool2d(self.conv3(x), kernel_size=2)))  # [N, 96, H/8, W/8]
        logits: Tensor = self.fc(x.flatten(start_dim=1))  # [N, classes]
        return logits
