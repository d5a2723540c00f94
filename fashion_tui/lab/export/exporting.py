"""Write a network to a file, read the file back, and compare the logits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.lab.data.datasets import batch_sizes
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.errors import first_line
from fashion_tui.lab.evaluation.metrics import BATCH_SIZE, Cancelled
from fashion_tui.lab.networks.forward import check_logits, explained
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.export import ExportFormat, ExportMetadata
from fashion_tui.target import write_error

from .formats import FORMATS, Logits

TOLERANCE = 1e-3
"""Largest difference between the logits of a network and of its exported file, as a fraction of the largest logit.

Exported programs and ONNX Runtime may sum float32 values in a different order, so the logits aren't bitwise identical.
"""


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

    Raises UserError if the network can't be exported, if the file can't be written, or if the difference is NaN or
    exceeds TOLERANCE times the largest logit. Raises Cancelled if `should_stop` returns True. An existing file then
    keeps its content.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"can't replace {path}: it isn't a regular file; choose another name")
    chosen = FORMATS[file_format]
    prepare(network)
    content = chosen.encode(network, metadata)
    difference = 0.0

    def write_and_check(file: BinaryIO) -> None:
        nonlocal difference
        file.write(content)
        file.seek(0)
        exported = chosen.decode(file.read(), lambda: prepare(build()))
        differences, scale = torch.empty(0), 0.0
        for done, compared in _compare(network, exported, metadata, pixels, one_image=chosen.has_code):
            if should_stop():
                raise Cancelled
            differences = torch.cat([differences, torch.tensor([compared.difference])])
            scale = max(scale, compared.scale)
            progress(done, len(pixels))
        difference = differences.max().item()  # unlike Python's max, NaN if any of them is NaN
        if not difference <= TOLERANCE * scale:
            images = normalise(pixels[:2], metadata.mean, metadata.std)
            raise UserError(_why_different(network, images, file_format, difference, scale))

    try:
        write_atomically(path, write_and_check, mode=PUBLIC_MODE)
    except FileNotFoundError as error:
        raise UserError(f"can't write {path}: the folder {path.parent} doesn't exist") from error
    except OSError as error:
        raise write_error(path, error) from error
    return difference


def prepare(network: nn.Module) -> nn.Module:
    """Move a network to the CPU, into evaluation mode and contiguous layout, which all formats can store."""
    return network.eval().cpu().to(memory_format=torch.contiguous_format)


@dataclass(frozen=True, slots=True)
class _Compared:
    """The difference between the logits of a batch."""

    difference: float
    """Largest absolute difference between the logits. NaN if only one of two logits is NaN."""
    scale: float
    """Largest absolute value of the network's finite logits."""


def _compare(
    network: nn.Module, exported: Logits, metadata: ExportMetadata, pixels: Tensor, *, one_image: bool
) -> Iterator[tuple[int, _Compared]]:
    """Compare logits batch by batch. Yield the number of images compared so far, and the batch's result.

    If `one_image` is true, the first batch has one image, because programs often use a network in that way.
    """
    sizes = [1] if one_image and len(pixels) > 1 else []
    sizes += batch_sizes(len(pixels) - sum(sizes), BATCH_SIZE, min_last=2)
    done = 0
    with torch.no_grad():
        for batch in pixels.split(sizes):
            images = normalise(batch, metadata.mean, metadata.std)
            with explained(network, images):
                output = network(images)
            expected = check_logits(output, images, len(metadata.classes), network)
            try:
                actual = exported(images)
            except (Exception, SystemExit) as error:
                raise UserError(
                    f"the exported network fails on {len(images)} images, but the run's network doesn't: "
                    f"{first_line(error)}"
                ) from error
            if actual.shape != expected.shape:
                raise UserError(
                    f"the exported network returns {list(actual.shape)} for {len(batch)} images, and the run's network "
                    f"{list(expected.shape)}"
                )
            done += len(batch)
            scale = torch.where(expected.isfinite(), expected.float().abs(), 0.0).max().item()
            yield done, _Compared(_largest_difference(expected.float(), actual.float()), scale)


def _why_different(
    network: nn.Module, images: Tensor, file_format: ExportFormat, difference: float, scale: float
) -> str:
    """Return the error message for different logits. `images` are the network's input, float32 `[N, C, H, W]`."""
    name = type(network).__name__
    reason = (
        f"the logits of the exported {file_format} file differ from those of {name} by up to {difference:.2g}, "
        f"and at most {TOLERANCE * scale:.2g} is allowed ({TOLERANCE:g} of the largest logit)"
    )
    with torch.no_grad():
        first, second = network(images).float(), network(images).float()
    if _largest_difference(first, second) <= TOLERANCE * scale:
        return f"{reason}; keep everything that forward uses in parameters and registered buffers"
    return (
        f"{reason}; {name} returns different logits when it is called again: remove random numbers and changing state "
        "from forward"
    )


def _largest_difference(expected: Tensor, actual: Tensor) -> float:
    """Return the largest absolute difference. The difference is 0 if both elements are NaN or the same infinity."""
    same = (expected == actual) | (expected.isnan() & actual.isnan())
    return torch.where(same, 0.0, (expected - actual).abs()).max().item()
