"""The guide's training loop, which loads one image at a time with PIL and torchvision.

The benchmark compares it with the training loop in `loop.py`.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.networks import GuideNet

BATCH_SIZE = 32
LEARNING_RATE = 0.001
EPOCHS = 3


class PILDataset(Dataset[tuple[Tensor, int]]):
    """Converts each image to a PIL image and then applies the transforms, like `torchvision.datasets.FashionMNIST`."""

    def __init__(self, images: Images) -> None:
        from torchvision import transforms  # noqa: PLC0415 - the import takes 2 s

        self._pixels = images.pixels[:, 0].cpu().numpy()
        self._labels = images.labels.tolist()
        self._transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._pixels[index])), self._labels[index]


class GuideLoop:
    """Trains the guide's network with Adam, in batches of 32."""

    def __init__(self, images: Images, *, device: torch.device, seed: int) -> None:
        torch.manual_seed(seed)
        self.device = device
        self.model: nn.Module = GuideNet().to(device)
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self._loader = DataLoader(PILDataset(images), batch_size=BATCH_SIZE, shuffle=True)

    def epoch(self) -> Iterator[int]:
        """Train for one epoch. After each step, yield the number of images in its batch."""
        self.model.train()
        for images, labels in self._loader:
            self._optimizer.zero_grad()
            loss = F.cross_entropy(self.model(images.to(self.device)), labels.to(self.device))
            loss.backward()
            self._optimizer.step()
            yield len(labels)
