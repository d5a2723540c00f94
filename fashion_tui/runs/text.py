"""Texts from outside, made fit for a line of our own."""


def one_line(text: str, limit: int = 200) -> str:
    """The text with control characters and line ends replaced by `?` or a space, and cut at `limit` characters."""
    clean = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def reason(error: OSError) -> str:
    """What the system says of it, in words: `No space left on device`."""
    return error.strerror or type(error).__name__
