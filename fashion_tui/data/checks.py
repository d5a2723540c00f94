"""What `doctor` says of the data."""

from pathlib import Path

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import HealthCheck

from .files import find, verify
from .sources import FASHION_MNIST


def check_data(directory: Path | None = None) -> HealthCheck:
    """Whether the real set is found, where, and whether it is whole; hashes it, which takes about 0.1 s."""
    name = f"data: {FASHION_MNIST.title}"
    try:
        ref = verify(find(FASHION_MNIST.name, directory))
    except UserError as error:
        return HealthCheck(name=name, ok=False, detail=str(error))
    train, test = FASHION_MNIST.train_images.shape[0], FASHION_MNIST.test_images.shape[0]
    return HealthCheck(
        name=name, ok=True, detail=f"{train:,} + {test:,} images in {ref.directory}, as published (SHA-256)"
    )
