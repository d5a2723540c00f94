"""Read TOML files that the user has written."""

import tomllib
from pathlib import Path
from typing import Any

from .files import read_limited
from .schema.errors import UserError

MAX_BYTES = 2**20
"""Maximum size of a file, in bytes."""


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the content of a file as a table and as text.

    Raises OSError if the file can't be read, and UserError if its content isn't valid TOML.
    """
    content = read_limited(path, MAX_BYTES)
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        raise UserError(f"{path} isn't UTF-8 text: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} isn't valid TOML: {error}") from None
