"""Test whether two networks have different accuracies on the same images."""

from fashion_tui.schema.comparison import McNemar


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Apply McNemar's exact test to the numbers of images that only one of two networks classifies correctly.

    If the networks are equally good, each of these n images is as likely to be in one group as in the other, so the
    size of a group follows a binomial distribution with probability 1/2. The two-sided p-value is twice the
    probability of a group of at most min(only_first, only_second) images, and at most 1 (McNemar 1947, "Note on the
    Sampling Error of the Difference Between Correlated Proportions or Percentages").
    """
    n, smaller = only_first + only_second, min(only_first, only_second)
    term = tail = 1  # binomial coefficients, which are exact integers: n choose 0, and the sum up to `smaller`
    for chosen in range(1, smaller + 1):
        term = term * (n - chosen + 1) // chosen
        tail += term
    return McNemar(only_first=only_first, only_second=only_second, p=min(1.0, 2 * tail / 2**n))
