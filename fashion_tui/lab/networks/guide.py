"""The guide's network: two convolutional layers and two linear layers."""

import torch.nn.functional as F
from torch import Tensor, nn


class GuideNet(nn.Module):
    """Two 5×5 convolutions, each followed by 2×2 max pooling, then two linear layers.

    It takes images `[N, C, H, W]` and returns logits `[N, classes]`: scores that `softmax` turns into probabilities.
    For images of 1×28×28 and ten classes, it has 204,542 parameters.
    """

    def __init__(self, image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.conv1 = nn.Conv2d(in_channels=channels, out_channels=12, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(in_channels=12, out_channels=20, kernel_size=5, padding=2)
        self.fc1 = nn.Linear(in_features=20 * (height // 4) * (width // 4), out_features=200)
        self.fc2 = nn.Linear(in_features=200, out_features=classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), kernel_size=2)  # [N, 12, H/2, W/2]
        x = F.max_pool2d(F.relu(self.conv2(x)), kernel_size=2)  # [N, 20, H/4, W/4]
        x = x.flatten(start_dim=1)  # [N, 20·H/4·W/4]
        x = F.relu(self.fc1(x))  # [N, 200]
        logits: Tensor = self.fc2(x)  # [N, classes]
        return logits
