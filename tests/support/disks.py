"""A file system of a test's own, that can be full, and folders that go away under a run."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

__all__ = ["fill", "removed", "replaced_by_a_file", "small_disk"]


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Yields the folder of a file system in memory of this size, as ``mount`` writes it ("64k")."""
    folder = Path(tempfile.mkdtemp())  # not pytest's: it must not try to clean up a mount
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        pytest.skip("mounting a small file system is not allowed here")
    try:
        yield folder
    finally:
        # Lazily: a study that could not be made may leave its file open for a moment.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Fills a file system to the last byte; returns the file to remove for room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            with suppress(OSError):  # that there is no space left
                while True:
                    file.write(bytes(size))
    return filler


def removed(folder: Path) -> None:
    """Removes a folder at once, though a run is writing to it."""
    gone = folder.with_name("gone")
    folder.rename(gone)
    shutil.rmtree(gone)


def replaced_by_a_file(folder: Path) -> None:
    """Puts a file where a folder was, again where the run has made the folder anew meanwhile."""
    file, gone = folder.with_name("file"), folder.with_name("gone")
    file.touch()
    while not folder.is_file():
        folder.rename(gone)
        with suppress(IsADirectoryError):
            file.rename(folder)
        shutil.rmtree(gone)
