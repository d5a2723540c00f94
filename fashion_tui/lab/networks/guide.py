"""The guide's network: two convolutional layers and two linear layers."""

import torch.nn.functional as F
from torch import Tensor, nn


class GuideNet(nn.Module):
    """Two 5×5 convolutions, each followed by 2×2 max pooling, then two linear layers.

    It has 204,542 parameters, takes images `[N, 1, 28, 28]` and returns logits `[N, 10]`: scores that `softmax` turns
    into probabilities.
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
