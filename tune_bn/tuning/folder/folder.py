"""The output folder of a run: one process at a time, one study, files that replace all at once.

Nothing here knows what is tuned. A folder that cannot be used is refused before any work is
done, with one line that says what to do.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tune_bn.plain.names import NETWORK_FILE, STUDY_FILE, SUMMARY_FILE
from tune_bn.plain.text import error_line
from tune_bn.tuning.errors import TuneError

__all__ = [
    "RESULTS",
    "check_folder",
    "open_folder",
    "replace_results",
    "require_study",
    "set_aside",
]

RESULTS = ("model.pt", "report.html", NETWORK_FILE, SUMMARY_FILE)
_LOCK = ".lock"
_HOLDER = ".lock-holder"  # who holds it: opening a lock may empty it


def check_folder(path: str | Path, *, resume: bool | None) -> None:
    """Refuses an output folder that could not be used, as far as can be told without making it.

    Args:
        path: As for `open_folder`.
        resume: True: it must hold a study.

    Raises:
        TuneError: As for `open_folder`, or there is no study.
    """
    folder = Path(path).expanduser().absolute()
    if os.path.exists(folder / _LOCK):
        with open_folder(path):
            pass
    else:
        there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            why = "may not be written" if there.is_dir() else "is no folder"
            raise TuneError(
                f"--out needs a folder that can be written, but got {str(path)!r} "
                f"({str(there)!r} {why}). Choose another folder."
            )
    if resume is True:
        require_study(folder)


def require_study(folder: Path) -> None:
    """Refuses a folder without a study.

    Raises:
        TuneError: There is none.
    """
    if not (folder / STUDY_FILE).exists():
        raise TuneError(
            f"--resume needs a folder that holds a study, but {str(folder)!r} has no "
            f"{STUDY_FILE}. Leave --resume out to begin one, or correct --out."
        )


@contextmanager
def open_folder(path: str | Path) -> Iterator[Path]:
    """Makes the folder, holds it for this process alone, and yields its absolute path.

    The lock is the operating system's, so a process that is killed leaves nothing to clean up.

    Args:
        path: The folder; its parents are made as needed.

    Raises:
        TuneError: The folder cannot be made or written, or another process holds it.
    """
    folder = Path(path).expanduser().absolute()
    lock, holder = FileLock(folder / _LOCK), folder / _HOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TuneError(
            f"--out needs a folder that no other run is using, but process {_read(holder)} is "
            f"writing to {str(path)!r}. Wait for it, or choose another folder."
        ) from error
    except OSError as error:
        raise TuneError(
            f"--out needs a folder that can be written, but got {str(path)!r} "
            f"({error_line(error)}). Choose another folder."
        ) from error
    try:
        try:
            holder.write_text(f"{os.getpid()}\n", encoding="utf-8")
        except OSError as error:
            raise TuneError(
                f"--out needs a folder that can be written, but writing to {str(path)!r} failed "
                f"({error_line(error)}). Make room or choose another folder."
            ) from error
        yield folder
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    """Returns the number of the process that holds a folder; "unknown" if it cannot be told."""
    try:
        number = holder.read_text(encoding="utf-8", errors="replace")[:20].strip()
    except OSError:
        return "unknown"
    return number if number.isdigit() else "unknown"


def set_aside(folder: Path) -> Path | None:
    """Moves an earlier run's files into a new sub-folder ``earlier-N`` and returns it.

    Returns:
        The sub-folder, or None when there was nothing to move.
    """
    found = [
        folder / name
        for name in (*(STUDY_FILE + end for end in ("", "-journal", "-wal", "-shm")), *RESULTS)
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
        folder: The output folder, on the same file system as its sub-folders.
    """
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        yield staging
        for file in sorted(staging.iterdir()):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
