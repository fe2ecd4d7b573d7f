"""Reads generated files in a process of its own, and judges how each one ended.

``python -m tests.fuzz.drive FORMAT --start 0 --count 1000`` prints a line of JSON for a person;
`drive` is what tests call. File number N of a format is the same on every machine, so
``--start N --count 1 --show`` brings a defect back, with its traceback.

A file ends well if it is accepted, or refused by an error that the format documents, in one line.
Anything else is a crash: another exception, a warning, a signal, more than 5 s of CPU, or a
process that ever held more than 1 GB, imports and what other files left behind included.
"""

import argparse
import json
import math
import os
import random
import resource
import select
import signal
import tempfile
import time
import traceback
import warnings
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.support.warm import forks

__all__ = ["LIMIT_MB", "LIMIT_S", "Tally", "drive"]

LIMIT_S = 5.0
LIMIT_MB = 1000.0
_HANG_S = 60.0  # of the clock: other work may hold the processor
_LONGEST_MESSAGE = 2000


@dataclass
class Tally:
    """How the files of a format ended.

    Args:
        name: The format.
        accepted: Read and used.
        refused: Refused by a documented error.
        crashes: Number of the file and what happened, of all others.
        slowest_s: CPU seconds that the slowest one took.
        most_mb: Memory that the process grew by, at most, while it read one.
        most_at: The number of that file.
        base_mb: Memory that the process held before the first file: imports, for the most part.
        peak_mb: Most memory that the process ever held.
        seconds: How long all of it took, by the clock.
    """

    name: str
    accepted: int = 0
    refused: int = 0
    crashes: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0
    most_mb: float = 0.0
    most_at: int = -1
    base_mb: float = 0.0
    peak_mb: float = 0.0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Number of files that were read."""
        return self.accepted + self.refused + len(self.crashes)


def drive(name: str, start: int, count: int) -> Tally:
    """Returns how the files ``start`` … ``start + count - 1`` of a format ended."""
    tally, begun = Tally(name), time.monotonic()
    at, end = start, start + count
    while at < end:
        at = _drive_one_process(tally, at, end)
    tally.seconds = time.monotonic() - begun
    return tally


def _drive_one_process(tally: Tally, start: int, end: int) -> int:
    """Reads files until one kills the process; returns the number of the next one."""
    receiver, sender = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        pipe = Connection(sender, readable=False)
        arguments = (tally.name, start, end - start, Path(folder), pipe)
        process = forks().Process(target=_child, args=arguments, daemon=True)
        process.start()
        pipe.close()
        at = start
        with os.fdopen(receiver, "r", encoding="utf-8", buffering=1) as lines:
            while True:
                is_ready, _, _ = select.select([lines], [], [], _HANG_S)
                line = lines.readline() if is_ready else None
                if not line:
                    break
                _count(tally, json.loads(line))
                at += 1
        if line is None:
            process.kill()
        process.join()
        code = process.exitcode or 0
    if code > 0:
        raise RuntimeError(f"The process ended with exit code {code} in file {at} of {tally.name}.")
    if at < end:
        what = f"no answer after {_HANG_S:g} s" if line is None else f"killed by {-code}"
        tally.crashes.append((at, what))
        at += 1
    return at


def _count(tally: Tally, found: dict[str, Any]) -> None:
    tally.slowest_s = max(tally.slowest_s, found["s"])
    if found["mb"] > tally.most_mb:
        tally.most_mb, tally.most_at = found["mb"], found["number"]
    tally.base_mb = max(tally.base_mb, found["base_mb"])
    tally.peak_mb = max(tally.peak_mb, found["peak_mb"])
    verdict = found["verdict"]
    if verdict == "accepted":
        tally.accepted += 1
    elif verdict == "refused":
        tally.refused += 1
    else:
        tally.crashes.append((found["number"], verdict))


def _memory_mb(what: str) -> float:
    """Returns what the kernel says of this process; "VmHWM" is the most that it held.

    `resource.getrusage` counts in what the parent held before it became this process (execve
    keeps the figure), which under a test run is a gigabyte of other tests.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _child(name: str, start: int, count: int, folder: Path, pipe: Connection) -> None:
    """Is the process that reads the files."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _read(name, start, count, folder, os.dup(pipe.fileno()), is_shown=False)


def _read(name: str, start: int, count: int, folder: Path, pipe: int, *, is_shown: bool) -> None:
    from tests.fuzz.readers import FORMATS

    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    form = FORMATS[name]
    path = folder / f"file{form.suffix}"
    # The first file of a format imports and makes what the others share.
    path.write_bytes(form.make(random.Random("warm-up")))
    _verdict(form, path, False)
    held, base = _memory_mb("VmData"), _memory_mb("VmRSS")
    # A runaway must not take the machine with it.
    limit = int((held + 1.5 * LIMIT_MB) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with os.fdopen(pipe, "w", encoding="utf-8", buffering=1) as lines:
        for number in range(start, start + count):
            rng = random.Random(f"{name} {number}")
            path.write_bytes(form.make(rng))
            making = _memory_mb("VmHWM")
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
            before, begun = _memory_mb("VmRSS"), time.process_time()
            verdict = _verdict(form, path, is_shown)
            seconds = time.process_time() - begun
            reading = _memory_mb("VmHWM")
            peak = max(making, reading)
            if seconds > LIMIT_S:
                verdict = f"{seconds:.1f} s of CPU ({verdict})"
            if peak > LIMIT_MB:
                verdict = f"{peak:.0f} MB, {reading:.0f} of them to read it ({verdict})"
            found = {"number": number, "verdict": verdict, "s": seconds, "base_mb": base}
            found |= {"mb": reading - before, "peak_mb": peak}
            lines.write(json.dumps(found) + "\n")


def _verdict(form: Any, path: Path, is_shown: bool) -> str:
    try:
        form.read(path)
    except form.refusals as error:
        message = str(error)
        if is_shown:
            traceback.print_exc()
        if "\n" in message or len(message) > _LONGEST_MESSAGE:
            return f"a message of {len(message)} characters: {message[:60]!r}"
        return "refused" if not _is_out_of_memory(error) else "refused for want of memory"
    except BaseException as error:
        if is_shown:
            traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)
        own = [f for f in where if "tune_bn" in f.filename and "fuzz" not in f.filename][-1:]
        places = [f"{Path(f.filename).name}:{f.lineno}" for f in [*own, where[-1]]]
        return f"{type(error).__name__} at {' < '.join(places)}: {str(error)[:100]}"
    return "accepted"


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Tells whether memory was asked for that there was not; a parser says so of its own stack."""
    while error is not None:
        if isinstance(error, MemoryError):
            frames = traceback.extract_tb(error.__traceback__)
            return not frames[-1].filename.endswith("ast.py")
        error = error.__cause__
    return False


_RELEASE = {
    "core-state": 15_000,
    "ray-state": 15_000,
    "csv": 20_000,
    "parquet": 15_000,
    "npz": 12_000,
    "model": 10_000,
    "runs": 10_000,
    "best-json": 3_000,
}
"""How many files of each format are read before a release: 100,000 in all."""


def main() -> None:
    """Runs a piece of the files of one format; of "all", those of a release."""
    parser = argparse.ArgumentParser()
    parser.add_argument("format", choices=["all", *_RELEASE])
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--show", action="store_true", help="print tracebacks")
    args = parser.parse_args()
    if args.show:
        with tempfile.TemporaryDirectory() as folder:
            _read(args.format, args.start, args.count, Path(folder), os.dup(1), is_shown=True)
        return
    share = args.count / sum(_RELEASE.values())
    of_all = {name: math.ceil(share * count) for name, count in _RELEASE.items()}
    wanted = of_all if args.format == "all" else {args.format: args.count}
    crashes = 0
    for name, count in wanted.items():
        tally = drive(name, args.start, count)
        print(json.dumps(asdict(tally)), flush=True)
        crashes += len(tally.crashes)
    raise SystemExit(crashes > 0)


if __name__ == "__main__":
    main()
