"""Breaks the core in many places, one at a time, and counts how often its tests notice.

``python -m tests.mutation.run --count 60`` works in copies of the tree, one a process, with a
fixed seed. Lines of survivors are printed with what was changed: each asks for a test, or changes
nothing.

Samples so far, each with a fresh seed and the tests of that moment; tests were written for what
survived before the next one was drawn (`EQUIVALENT` holds what changes nothing):

=========  ========  ======  ==============
seed       variants  caught  change nothing
=========  ========  ======  ==============
20261125         70      58               2
4711             60      50               3
90210            60      53               1
31337            50      44               1
4242             50      45               2
=========  ========  ======  ==============
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.mutants import Mutant, chosen_mutants

__all__ = ["EQUIVALENT", "is_caught", "sources", "verdict", "why_equivalent", "working_copy"]

EQUIVALENT = {
    (
        "history/history",
        "History.add",
        "place >= _KEPT: GtE → Gt",
    ): "what is inserted there is cut off again",
    (
        "history/history",
        "History.add",
        "place < self._elites_depth: Lt → LtE",
    ): "what is forgotten is made the same again",
    (
        "draws/narrowing",
        "Narrowing.textbook",
        "0.0 → 1.0",
    ): "with one elite all centres are of one trial anyway",
    (
        "history/pareto",
        "Fronts._beats",
        "front < own: Lt → LtE",
    ): "that they differ was asked just before",
    (
        "history/pareto",
        "Fronts._beaten",
        "group_key(trial) < front: Lt → LtE",
    ): "that they differ was asked just before",
    (
        "draws/regions",
        "choose",
        "r_zoom < zoom: Lt → LtE",
    ): "a number of 53 bits is drawn, which is never just this one",
    (
        "history/spacing",
        "Spacing.add",
        "number < self._numbers[0]: Lt → LtE",
    ): "a number that is known has a slot",
}
"""Variants that do what the sound module does, and why: (module, function, what was changed)."""

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 240
_LEAST = 0.7
_WITHOUT_CODE = ("__init__", "errors")


def sources() -> dict[str, str]:
    """Returns the text of each module of the core, by its path in it without the ending."""
    folder = _ROOT / "tune_bn" / "core"
    files = [file for file in sorted(folder.rglob("*.py")) if file.stem not in _WITHOUT_CODE]
    return {
        file.relative_to(folder).with_suffix("").as_posix(): file.read_text(encoding="utf-8")
        for file in files
    }


def working_copy(folder: Path) -> Path:
    """Copies package and tests into a folder, and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tune_bn", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
    shutil.copy(_ROOT / "pyproject.toml", folder)
    return folder


def is_caught(copy: Path, module: str, mutant: Mutant, tests: list[str]) -> bool:
    """Tells whether the tests fail, or do not end, with the module broken; then mend it."""
    file = copy / "tune_bn" / "core" / f"{module}.py"
    sound = file.read_text(encoding="utf-8")
    file.write_text(mutant.source, encoding="utf-8")
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-m", "not slow", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        file.write_text(sound, encoding="utf-8")
    return done.returncode != 0


def why_equivalent(module: str, mutant: Mutant) -> str | None:
    """Returns why a variant does what the sound module does; None if it is not known to."""
    return EQUIVALENT.get((module, mutant.function, mutant.what))


def verdict(caught: int, same: int, run: int) -> str | None:
    """Returns why too few variants were caught to be content; None if enough were."""
    if caught >= _LEAST * (run - same):
        return None
    return f"The tests of the core need to notice {_LEAST:.0%} of what breaks it; write some more."


def _nearest(module: str) -> list[str]:
    """Returns the folder of the module's own tests, which notice most of what breaks it."""
    room = f"tests/core/{module.split('/')[0]}"
    return [room] if (_ROOT / room).is_dir() else []


def main() -> None:
    """Runs so many mutants and prints what survived; fails if those are many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="places in the list of mutants")
    parser.add_argument("tests", nargs="*", default=["tests/core"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    chosen = list(enumerate(chosen_mutants(sources(), args.count, args.seed)))
    if args.only is not None:
        chosen = [chosen[i] for i in args.only]
    caught = same = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for n in range(args.jobs):
            copies.put(working_copy(Path(folder) / str(n)))

        def run(module: str, mutant: Mutant) -> tuple[bool, float]:
            copy, begun = copies.get(), time.monotonic()
            try:
                found = is_caught(copy, module, mutant, [*_nearest(module), *args.tests])
            finally:
                copies.put(copy)
            return found, round(time.monotonic() - begun, 1)

        module, text = next(iter(sources().items()))
        if run(module, Mutant("", 0, "nothing", text))[0]:
            raise SystemExit("The tests fail without any change: there is nothing to be found out.")
        runs = [(i, *one, pool.submit(run, *one)) for i, one in chosen]
        for i, module, mutant, running in runs:
            found, seconds = running.result()
            caught += found
            row = {"n": i, "module": module, "function": mutant.function, "line": mutant.line}
            row["what"] = mutant.what
            if not found and (why := why_equivalent(module, mutant)):
                same, row = same + 1, {**row, "changes nothing": why}
            print(json.dumps({**row, "is_caught": found, "s": seconds}), flush=True)
    print(f"{caught} of {len(runs)} variants were caught; {same} of the others change nothing.")
    raise SystemExit(verdict(caught, same, len(runs)))


if __name__ == "__main__":
    main()
