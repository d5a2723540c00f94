"""Write a network to a file, read the file back, and compare the logits."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.lab.data.datasets import batch_sizes
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.metrics import BATCH_SIZE, Cancelled
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import ExportFormat, ExportMetadata
from fashion_tui.target import write_error

from .formats import FORMATS, Logits


def export_network(  # noqa: PLR0913
    network: nn.Module,
    build: Callable[[], nn.Module],
    metadata: ExportMetadata,
    file_format: ExportFormat,
    path: Path,
    pixels: Tensor,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> float:
    """Write a network to a file atomically, after comparing the written file with the network.

    `build` returns a network of the same class with new weights. `pixels` are uint8 images `[N, C, H, W]`, for which
    the logits are compared. Return the largest absolute difference between the logits. `progress` is called with the
    number of compared images and the total number.

    The network is left in evaluation mode, on the CPU, in contiguous layout.

    Raises UserError if the network can't be exported or the file can't be written, and Cancelled if `should_stop`
    returns True. An existing file then keeps its content.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"can't replace {path}: it isn't a regular file; choose another name")
    chosen = FORMATS[file_format]
    prepare(network)
    content = chosen.encode(network, metadata)
    differences: list[float] = []

    def write_and_check(file: BinaryIO) -> None:
        file.write(content)
        file.seek(0)
        exported = chosen.decode(file.read(), lambda: prepare(build()))
        for done, difference in _differences(network, exported, metadata, pixels, one_image=chosen.has_code):
            if should_stop():
                raise Cancelled
            differences.append(difference)
            progress(done, len(pixels))

    try:
        write_atomically(path, write_and_check, mode=PUBLIC_MODE)
    except FileNotFoundError as error:
        raise UserError(f"can't write {path}: the folder {path.parent} doesn't exist") from error
    except OSError as error:
        raise write_error(path, error) from error
    return torch.tensor(differences).max().item()  # unlike Python's max, NaN if any of them is NaN


def prepare(network: nn.Module) -> nn.Module:
    """Move a network to the CPU, into evaluation mode and contiguous layout, which all formats can store."""
    return network.eval().cpu().to(memory_format=torch.contiguous_format)


def _differences(
    network: nn.Module, exported: Logits, metadata: ExportMetadata, pixels: Tensor, *, one_image: bool
) -> Iterator[tuple[int, float]]:
    """Compare logits batch by batch. Yield the number of compared images and the largest difference in the batch.

    If `one_image` is true, the first batch has one image, because programs often use a network in that way.
    """
    sizes = [1] if one_image and len(pixels) > 1 else []
    sizes += batch_sizes(len(pixels) - sum(sizes), BATCH_SIZE, min_last=2)
    done = 0
    with torch.no_grad():
        for batch in pixels.split(sizes):
            images = normalise(batch, metadata.mean, metadata.std)
            expected, actual = network(images), exported(images)
            if actual.shape != expected.shape:
                raise UserError(
                    f"the exported network returns {list(actual.shape)} for {len(batch)} images, and the run's network "
                    f"{list(expected.shape)}"
                )
            done += len(batch)
            yield done, _largest_difference(expected.float(), actual.float())


def _largest_difference(expected: Tensor, actual: Tensor) -> float:
    """Return the largest absolute difference. The difference is 0 if both elements are NaN or the same infinity."""
    same = (expected == actual) | (expected.isnan() & actual.isnan())
    return torch.where(same, 0.0, (expected - actual).abs()).max().item()
