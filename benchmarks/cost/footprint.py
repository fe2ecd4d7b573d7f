"""What the package weighs: its wheel, its dependencies, an import, a first line, `make dist`.

    python -m benchmarks footprint

appends its rows to ``benchmarks/results/footprint.jsonl``. An import is timed beyond the
framework that it stands on: in a fresh interpreter that has loaded the framework already.
"""

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

import tune_bn
from benchmarks.rows import RESULTS, environment, write_rows

__all__ = [
    "dependencies",
    "dist_s",
    "first_line_s",
    "fresh_dist_s",
    "import_ms",
    "installed_bytes",
    "main",
    "wheel_size",
]

_IMPORTS = {  # module -> what it stands on
    "tune_bn": "numpy",
    "tune_bn.optuna": "optuna",
    "tune_bn.ray": "ray.tune",
    "tune_bn.nn": "torch",
    "tune_bn.report": "plotly.graph_objects",
}
_EXTRAS = ("", "optuna", "ray", "torch", "report", "cli")

_TIMED = "import time, {before}; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"  # noqa: E501 - one command line

# Until something is written to stderr, where a run says what it read and what is wrong.
_FIRST_LINE = """
import os, sys, time
class Ear:
    encoding = "utf-8"
    def isatty(self): return False
    def flush(self): pass
    def write(self, text):
        os.write(1, str(time.process_time()).encode())
        os._exit(0)
sys.stderr = Ear()
from tune_bn.__main__ import main
main()
sys.exit(1)
"""
_FIRST_LINES = (
    ("tune", "--data", "digits", "--out", "no-such-folder/run"),
    ("tune", "--data", "digits", "--target", "no such column"),
)


def import_ms(module: str, before: str, *, runs: int = 20) -> list[float]:
    """Returns how many milliseconds an import took in each of ``runs`` fresh interpreters.

    Args:
        module: What is imported.
        before: What was imported before the clock started.
        runs: How often; one more comes first and is not counted, so that files are cached.

    Raises:
        subprocess.CalledProcessError: If one of the two cannot be imported.

    Example:
        >>> all(ms > 0 for ms in import_ms("tune_bn", "numpy", runs=1))
        True
    """
    command = [sys.executable, "-c", _TIMED.format(before=before, module=module)]
    # Compiled files are kept, as by an install.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times = [
        float(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)
        for _ in range(runs + 1)
    ]
    return [1000 * seconds for seconds in times[1:]]


def first_line_s(words: Iterable[str], *, runs: int = 5) -> list[float]:
    """Returns after how many seconds of CPU time a command said its first line, run by run.

    CPU time, since what else runs on the machine does not change it.

    Args:
        words: Of the command, without ``tune-bn``.
        runs: How often; one more comes first and is not counted, so that files are cached.

    Raises:
        subprocess.CalledProcessError: If it said nothing.

    Example:
        >>> all(s > 0 for s in first_line_s(["tune"], runs=1))
        True
    """
    command = [sys.executable, "-c", _FIRST_LINE, *words]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    said = [
        subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
        for _ in range(runs + 1)
    ]
    return [float(text) for text in said[1:]]


def dependencies(name: str, extra: str = "") -> set[str]:
    """Returns the names of all distributions that an install of one brings, itself left out.

    Args:
        name: A distribution that is installed here.
        extra: One of its extras, or "" for none.

    Raises:
        importlib.metadata.PackageNotFoundError: If one of them is not installed here.

    Example:
        >>> dependencies("tune-bn")
        {'numpy'}
    """
    found: set[str] = set()
    waiting, seen = [(name, extra)], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for line in metadata.requires(one[0]) or ():
            required = Requirement(line)
            if required.marker is None or required.marker.evaluate({"extra": one[1]}):
                found.add(_canonical(required.name))
                waiting += [(_canonical(required.name), e) for e in ("", *required.extras)]
    return found - {_canonical(name)}


def installed_bytes(names: Iterable[str]) -> int:
    """Returns the bytes of the files of some distributions as installed here.

    Args:
        names: Distributions; what an interpreter compiles later does not count.

    Raises:
        importlib.metadata.PackageNotFoundError: If one of them is not installed here.
    """
    files = (file for name in names for file in metadata.files(name) or ())
    paths = (Path(str(file.locate())) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


def _built(kind: str, folder: str) -> Path | None:
    """Builds the "wheel" or the "sdist" in a folder; returns None without a source to build."""
    source = Path(tune_bn.__file__).parents[1]
    if not (source / "pyproject.toml").exists():
        return None
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (file,) = Path(folder).iterdir()
    return file


def wheel_size() -> dict[str, int] | None:
    """Returns the wheel's bytes and number of files; None where there is no source to build."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = _built("wheel", folder)
        if wheel is None:
            return None
        with zipfile.ZipFile(wheel) as file:
            return {"bytes": wheel.stat().st_size, "files": len(file.namelist())}


def dist_s(source: Path) -> dict[str, float]:
    """Returns the seconds that ``make dist`` takes in a folder: ``cpu_s``, and ``wall_s`` in all.

    Args:
        source: The folder, with a Makefile.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    command = ["make", "dist", f"PYTHON={sys.executable}"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu_s, 1), "wall_s": round(wall_s, 1)}


def fresh_dist_s() -> dict[str, float] | None:
    """Returns `dist_s` of the source as it is handed out, with nothing set up; None without one."""
    with tempfile.TemporaryDirectory() as folder:
        packed = _built("sdist", folder)
        if packed is None:
            return None
        with tarfile.open(packed) as file:
            file.extractall(folder, filter="data")
        return dist_s(Path(folder) / packed.name.removesuffix(".tar.gz"))


def main(arguments: list[str] | None = None) -> None:
    """Measures, prints and appends the rows; what is not installed here is left out."""
    parser = argparse.ArgumentParser(description="Measures wheel, dependencies, import times.")
    parser.add_argument("--runs", type=int, default=20, help="imports of each module")
    parser.add_argument("--out", type=Path, default=RESULTS / "footprint.jsonl")
    given = parser.parse_args(arguments)
    where = environment(("tune-bn", "numpy", "optuna", "ray", "torch", "plotly"))
    rows: list[dict[str, Any]] = []
    if size := wheel_size():
        rows.append({"part": "wheel", **size, **where})
    for extra in _EXTRAS:
        try:
            names = sorted(dependencies("tune-bn", extra))
        except metadata.PackageNotFoundError as missing:
            print(f"[{extra}] left out: {missing.name} is not installed", file=sys.stderr)
            continue
        weight = installed_bytes(names)
        row = {"part": "dependencies", "extra": extra, "names": names, "bytes": weight}
        rows.append(row | where)
    for module, before in _IMPORTS.items():
        if importlib.util.find_spec(before.split(".")[0]) is None:
            print(f"{module} left out: {before} is not installed", file=sys.stderr)
            continue
        times = import_ms(module, before, runs=given.runs)
        row = {"part": "import", "module": module, "beyond": before, "runs": given.runs}
        low, middle, high = statistics.quantiles(times, n=4)
        row |= {"ms": round(middle, 2), "quartiles": [round(low, 2), round(high, 2)]}
        rows.append(row | where)
    for words in _FIRST_LINES:
        times = first_line_s(words, runs=given.runs)
        row = {"part": "first line", "command": " ".join(("tune-bn", *words)), "runs": given.runs}
        low, middle, high = statistics.quantiles(times, n=4)
        row |= {"cpu_s": round(middle, 2), "quartiles": [round(low, 2), round(high, 2)]}
        rows.append(row | where)
    if seconds := fresh_dist_s():
        rows.append({"part": "dist", **seconds, **where})
    for row in rows:
        print({key: value for key, value in row.items() if key not in where})
    write_rows(given.out, rows)


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    main()
