"""Compare the shapes in two recordings with different batch sizes, and write the batch size as N."""

import re
from dataclasses import dataclass

from fashion_tui.schema.shapes import Shape

CREATING = ("zeros", "randn", "ones", "rand", "empty")
"""Functions that create a tensor from its sizes."""

_INTEGER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """The batch sizes of two recordings. A size that differs between the recordings depends on the batch size."""

    first: int | None
    """Batch size of the first recording, or None if the shapes have no batch axis."""
    second: int | None
    """Batch size of the second recording, or None if only one was made."""

    def has_batch_axis(self, shape: Shape, other: Shape | None) -> bool:
        return self._batch_axis(shape, other) is not None

    def sample_shape(self, shape: Shape, other: Shape | None) -> Shape:
        """Return the shape for a batch of one sample, without the batch axis."""
        axis = self._batch_axis(shape, other)
        others = other if other is not None and len(other) == len(shape) else shape
        sizes = [self._of_one_sample(*pair) for pair in zip(shape, others, strict=True)]
        return tuple(size for index, size in enumerate(sizes) if index != axis)

    def format_shape(self, shape: Shape, other: Shape | None) -> str:
        """Return the shape with N for the batch size, such as `[N, 3, 28, 28]` or `[16N]`."""
        if other is None or len(other) != len(shape):
            axis = self._batch_axis(shape, other)
            sizes = ["N" if index == axis else str(size) for index, size in enumerate(shape)]
        else:
            sizes = [self.format_size(*pair) for pair in zip(shape, other, strict=True)]
        return f"[{', '.join(sizes)}]"

    def format_size(self, size: int, other: int) -> str:
        """Return a size as a function of the batch size N, such as `16`, `N`, `3N` or `N + 1`."""
        if size == other or self.first is None or self.second is None:
            return str(size)
        slope, remainder = divmod(other - size, self.second - self.first)
        constant = size - slope * self.first
        if remainder or slope < 1 or constant < 0:
            return "?"
        factor = "N" if slope == 1 else f"{slope}N"
        return f"{factor} + {constant}" if constant else factor

    def format_message(self, message: str, other: str | None) -> str:
        """Return torch's message with the numbers that depend on the batch size written in terms of N."""
        parts, others = _INTEGER.split(message), _INTEGER.split(other or "")
        if parts[::2] != others[::2]:
            return message
        for index in range(1, len(parts), 2):
            parts[index] = self.format_size(int(parts[index]), int(others[index]))
        return "".join(parts)

    def _batch_axis(self, shape: Shape, other: Shape | None) -> int | None:
        if self.first is None:
            return None
        if other is None or len(other) != len(shape) or self.second is None:
            return 0 if shape[:1] == (self.first,) else None
        pairs = list(zip(shape, other, strict=True))
        return pairs.index((self.first, self.second)) if (self.first, self.second) in pairs else None

    def _of_one_sample(self, size: int, other: int) -> int:
        if size == other or self.first is None or self.second is None:
            return size
        return max(size - (other - size) // (self.second - self.first) * (self.first - 1), 0)
