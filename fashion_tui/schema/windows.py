"""The arithmetic of a window that slides along an axis: a convolution's kernel, or that of a pool."""

import msgspec

from .errors import UserError


class SlidingWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One axis, and the window that goes along it."""

    size: int
    """Of the input."""
    kernel: int
    """Values that the window looks at."""
    padding: tuple[int, int] = (0, 0)
    """Before the input and after it."""
    stride: int = 1
    dilation: int = 1
    """From one value that it looks at to the next."""
    ceil_mode: bool = False
    """A last window may hang over the end."""

    @property
    def reach(self) -> int:
        """From the first value that the window looks at to the last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> int:
        return self.size + sum(self.padding)

    @property
    def count(self) -> int:
        """The size of the output: how many places the window finds. Below 1: none, and torch refuses."""
        return self._steps // self.stride + 1 + (self._hangs_over and not self.drops_last)

    @property
    def left_over(self) -> int:
        """Values after the last window's end, padding included; below 0: so far does it hang over."""
        return self.padded - (self.count - 1) * self.stride - self.reach

    @property
    def drops_last(self) -> bool:
        """The window that would hang over the end would even begin after the input: torch leaves it out."""
        begin = (self._steps // self.stride + 1) * self.stride
        return self._hangs_over and begin >= self.size + self.padding[0]

    def looks_at(self, position: int) -> bool:
        """Whether any window looks at that value of the padded input, counted from 0."""
        first = max(-(-(position - self.reach + 1) // self.stride), 0)
        last = min(position // self.stride, self.count - 1)
        # Along the windows the same distances come again after so many as one value is from the next.
        tried = range(first, min(last, first + self.dilation - 1) + 1)
        return any((position - window * self.stride) % self.dilation == 0 for window in tried)

    @property
    def formula(self) -> str:
        """`(28 − 5 + 2·2) / 1 + 1 = 28`: rounded, and with the dilation, only where it matters."""
        reach = f"{self.kernel}" if self.dilation == 1 else f"{self.dilation}·({self.kernel} − 1) − 1"
        return self._with(f"{self.size} − {reach}{padding_text(self.padding)}", rounded=self._steps % self.stride != 0)

    @property
    def full_formula(self) -> str:
        """`⌊(28 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 28`: as torch's documentation writes it."""
        padding = padding_text(self.padding) or " + 2·0"
        return self._with(f"{self.size}{padding} − {self.dilation}·({self.kernel} − 1) − 1", rounded=True)

    @property
    def _steps(self) -> int:
        """How far the window can move."""
        return self.padded - self.reach

    @property
    def _hangs_over(self) -> bool:
        return self.ceil_mode and self._steps % self.stride != 0

    def _with(self, way: str, *, rounded: bool) -> str:
        fraction = f"({way}) / {self.stride}"
        if rounded:
            fraction = f"⌈{fraction}⌉" if self.ceil_mode else f"⌊{fraction}⌋"
        return f"{fraction}{'' if self.drops_last else ' + 1'} = {self.count}"


def padding_text(padding: tuple[int, int], sign: str = "+") -> str:
    """` + 2·2`, as a formula goes on; empty where there is no padding."""
    if not sum(padding):
        return ""
    return f" {sign} 2·{padding[0]}" if padding[0] == padding[1] else f" {sign} {sum(padding)}"


def check_window(slide: SlidingWindow, *, is_pool: bool) -> None:
    """UserError where torch would refuse."""
    if is_pool and max(slide.padding) > slide.kernel // 2:
        raise UserError(
            f"padding {max(slide.padding)}: a pool takes half its kernel at most, {slide.kernel // 2} of {slide.kernel}"
        )
    if slide.count < 1:
        raise UserError(
            f"the kernel reaches over {slide.reach:,} values and finds {slide.padded:,}, padding included: "
            "it takes a smaller kernel or more padding"
        )
