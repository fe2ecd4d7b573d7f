"""Writing a file whole or not at all: models, reports and saved searches share it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["replacing", "write_atomically"]


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Writes a file whole or not at all, as `replacing` does; text is written as UTF-8.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Yields a new file that takes the place of another at the end of the block.

    It lies beside it, is flushed to the disk, and takes the name in one step. Whatever goes wrong
    before, the old file stays and the new one is removed. A link is followed.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full.
    """
    final = Path(os.path.realpath(path))
    beside = final.with_name(f".{final.name}.{secrets.token_hex(8)}.tmp")
    # Not tempfile: it would leave the file readable by its owner only.
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(final)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
