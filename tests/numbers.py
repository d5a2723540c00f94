"""Numbers for property-based tests."""

from hypothesis import strategies as st


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """Draw a number from `low` to `high`, but no denormal number.

    A test that trains in its own process makes torch flush these numbers to 0, which hypothesis refuses to draw then.
    """
    return st.floats(low, high, allow_subnormal=False)
