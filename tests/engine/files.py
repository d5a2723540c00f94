"""Wait for files that the engine creates."""

import asyncio
from pathlib import Path


async def wait_for_file(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process creates it
        await asyncio.sleep(0.02)
