"""Sizes and formulas of a window that slides along an axis: the kernel of a convolution or pooling layer."""

import msgspec

from .errors import UserError


class SlidingWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window that slides along one axis."""

    input_size: int
    """Number of input values, without padding."""
    kernel: int
    """Number of values in the window."""
    padding: tuple[int, int] = (0, 0)
    """Number of padding values before and after the input."""
    stride: int = 1
    dilation: int = 1
    """Distance between neighbouring values in the window."""
    ceil_mode: bool = False
    """Whether the last window may extend past the end, as in pooling layers with `ceil_mode`."""

    @property
    def extent(self) -> int:
        """Number of input values that the window spans, from its first to its last value."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded_size(self) -> int:
        """Number of input values, including padding."""
        return self.input_size + sum(self.padding)

    @property
    def output_size(self) -> int:
        """Number of window positions, which is the output size; less than 1 if torch would raise an error."""
        return self._travel // self.stride + 1 + (self._overhangs and not self.drops_last)

    @property
    def remainder(self) -> int:
        """Number of values after the last window, including padding. Negative if the window extends past the end."""
        return self.padded_size - (self.output_size - 1) * self.stride - self.extent

    @property
    def drops_last(self) -> bool:
        """Whether torch drops the last window because that window would start in the padding after the input."""
        start = (self._travel // self.stride + 1) * self.stride
        return self._overhangs and start >= self.input_size + self.padding[0]

    def covers(self, index: int) -> bool:
        """Return whether any window contains the value at `index` in the padded input."""
        first = max(-(-(index - self.extent + 1) // self.stride), 0)
        last = min(index // self.stride, self.output_size - 1)
        # The remainders below repeat after at most `dilation` windows, so no further windows need to be checked.
        candidates = range(first, min(last, first + self.dilation - 1) + 1)
        return any((index - window * self.stride) % self.dilation == 0 for window in candidates)

    @property
    def formula(self) -> str:
        """Formula of the output size, with rounding and dilation only if needed: `(28 − 5 + 2·2) / 1 + 1 = 28`."""
        extent = f"{self.kernel}" if self.dilation == 1 else f"{self.dilation}·({self.kernel} − 1) − 1"
        numerator = f"{self.input_size} − {extent}{format_padding(self.padding)}"
        return self._formula(numerator, rounded=self._travel % self.stride != 0)

    @property
    def full_formula(self) -> str:
        """Formula of the output size in torch's notation, such as `⌊(28 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 28`."""
        padding = format_padding(self.padding) or " + 2·0"
        return self._formula(f"{self.input_size}{padding} − {self.dilation}·({self.kernel} − 1) − 1", rounded=True)

    @property
    def _travel(self) -> int:
        """Distance, in elements, from the first position of the window to the last one that fits in the padded input.

        The stride is ignored.
        """
        return self.padded_size - self.extent

    @property
    def _overhangs(self) -> bool:
        return self.ceil_mode and self._travel % self.stride != 0

    def _formula(self, numerator: str, *, rounded: bool) -> str:
        fraction = f"({numerator}) / {self.stride}"
        if rounded:
            fraction = f"⌈{fraction}⌉" if self.ceil_mode else f"⌊{fraction}⌋"
        return f"{fraction}{'' if self.drops_last else ' + 1'} = {self.output_size}"


def format_padding(padding: tuple[int, int], sign: str = "+") -> str:
    """Return the padding as a term of a formula, such as ` + 2·2`, or an empty string without padding."""
    if not sum(padding):
        return ""
    return f" {sign} 2·{padding[0]}" if padding[0] == padding[1] else f" {sign} {sum(padding)}"


def check_window(window: SlidingWindow, *, is_pool: bool) -> None:
    """Raise UserError if torch would reject the window."""
    if is_pool and max(window.padding) > window.kernel // 2:
        raise UserError(
            f"padding is {max(window.padding)}; for pooling it must be at most half the kernel size, "
            f"{window.kernel // 2} for a kernel of {window.kernel}"
        )
    if window.output_size < 1:
        raise UserError(
            f"the kernel spans {window.extent:,} values, but the padded input has {window.padded_size:,}; "
            "use a smaller kernel or more padding"
        )
