"""Breaks the core in many places, one at a time, and counts how often its tests notice.

``python -m tests.mutation.run --count 60`` works in a copy of the tree, with a fixed seed. Lines
of survivors are printed with what was changed: each asks for a test, or changes nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutation.mutants import Mutant, chosen_mutants

__all__ = ["MODULES", "is_caught", "sources", "working_copy"]

MODULES = (
    *("conditions", "draw", "history", "narrowing", "pareto", "proposal"),
    *("search", "space", "spacing", "stages", "state", "trial"),
)
_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 240


def sources() -> dict[str, str]:
    """Return the text of each module of the core that a draw depends on."""
    folder = _ROOT / "tune_bn" / "core"
    return {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}


def working_copy(folder: Path) -> Path:
    """Copy package and tests into a folder, and return it."""
    for name in ("tune_bn", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
    shutil.copy(_ROOT / "pyproject.toml", folder)
    return folder


def is_caught(copy: Path, module: str, mutant: Mutant, tests: list[str]) -> bool:
    """Tell whether the tests fail, or do not end, with the module broken; then mend it."""
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


def main() -> None:
    """Run so many mutants and print what survived."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="places in the list of mutants")
    parser.add_argument("tests", nargs="*", default=["tests/core"])
    args = parser.parse_args()
    caught = run = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = working_copy(Path(folder))
        for i, (module, mutant) in enumerate(chosen_mutants(sources(), args.count, args.seed)):
            if args.only is not None and i not in args.only:
                continue
            begun = time.monotonic()
            found = is_caught(copy, module, mutant, args.tests)
            run, caught = run + 1, caught + found
            row = {"n": i, "module": module, "line": mutant.line, "what": mutant.what}
            seconds = round(time.monotonic() - begun, 1)
            print(json.dumps({**row, "is_caught": found, "s": seconds}), flush=True)
    print(f"{caught} of {run} broken variants were caught.")


if __name__ == "__main__":
    main()
