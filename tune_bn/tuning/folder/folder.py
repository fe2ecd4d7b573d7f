"""The output folder of a run: one process at a time, one study, files that replace all at once.

Nothing here knows what is tuned. A folder that cannot be used is refused before any work is
done, with one line that says what to do.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tune_bn.tuning.errors import TuneError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["RESULTS", "STUDY", "open_folder", "replace_results", "set_aside"]

STUDY = "study.db"
RESULTS = ("model.pt", "report.html", "best.json")
_LOCK = ".lock"


@contextmanager
def open_folder(path: str | Path) -> Iterator[Path]:
    """Makes the folder, holds it for this process alone, and yields its absolute path.

    The lock is the operating system's, so a process that is killed leaves nothing to clean up.

    Args:
        path: the folder; its parents are made as needed.

    Raises:
        TuneError: the folder cannot be made or written, or another process holds it.
    """
    folder = Path(path).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # "a+" keeps the holder's number readable when the lock is refused.
        lock = open(folder / _LOCK, "a+", encoding="utf-8")  # noqa: SIM115  closed in finally
    except OSError as error:
        raise TuneError(
            f"--out needs a folder that can be written, but got {str(path)!r} "
            f"({_reason(error)}). Choose another folder."
        ) from error
    try:
        try:
            _lock(lock.fileno())
        except OSError as error:
            lock.seek(0)
            holder = lock.read(20).strip()
            holder = holder if holder.isdigit() else "unknown"
            raise TuneError(
                f"--out needs a folder that no other run is using, but process {holder} is "
                f"writing to {str(path)!r}. Wait for it, or choose another folder."
            ) from error
        try:
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        except OSError as error:
            raise TuneError(
                f"--out needs a folder that can be written, but writing to {str(path)!r} failed "
                f"({_reason(error)}). Make room or choose another folder."
            ) from error
        yield folder
    finally:
        lock.close()


def set_aside(folder: Path) -> Path | None:
    """Moves an earlier run's files into a new sub-folder ``earlier-N`` and returns it.

    Returns:
        The sub-folder, or None when there was nothing to move.
    """
    found = [
        folder / name
        for name in (STUDY, f"{STUDY}-journal", f"{STUDY}-wal", f"{STUDY}-shm", *RESULTS)
        if (folder / name).exists()
    ]
    if not found:
        return None
    number = 1
    while (folder / f"earlier-{number}").exists():
        number += 1
    earlier = folder / f"earlier-{number}"
    earlier.mkdir()
    for file in found:
        file.rename(earlier / file.name)
    return earlier


@contextmanager
def replace_results(folder: Path) -> Iterator[Path]:
    """Yields an empty folder beside the results; its files replace the old ones at the end.

    Until every new file is complete the old ones stay as they are, so a full disk or a crash
    never leaves a model of one run beside the scores of another. Nothing is replaced, and the
    new files are removed, when the block raises.

    Args:
        folder: the output folder, on the same file system as its sub-folders.
    """
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        yield staging
        for file in sorted(staging.iterdir()):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
