"""Every example runs from an empty folder with ``--smoke-test``, and is listed in their README."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(p.name for p in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name, tmp_path):
    """It ends well within the time of a reader's patience, and prints what it shows."""
    result = subprocess.run(
        [sys.executable, str(FOLDER / name), "--smoke-test"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(result.stdout.splitlines()) >= 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short(name):
    """An example is one idea in fewer than 100 lines."""
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) < 100


def test_examples_are_listed():
    """The list of examples names each file, and no other."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\]\(([\w]+\.py)\)", text))) == EXAMPLES
