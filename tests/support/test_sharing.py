"""Where several processes share the tests, what shares a fixture stays in one of them."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TEST = """
import os

import pytest


@pytest.mark.parametrize("i", range(8))
def test_it(i):
    with open({file!r}, "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


@pytest.mark.heavy
@pytest.mark.parametrize(("how", "most"), [("loadscope", 1), ("load", 2)])
def test_all_that_share_a_ray_stay_in_one_process(how, most, tmp_path):
    """Two files of ``tests/ray`` run in one of two processes; dealt out one by one, in both."""
    folder = tmp_path / "tests" / "ray"
    folder.mkdir(parents=True)
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"))
    for name in ("test_a.py", "test_b.py"):
        (folder / name).write_text(TEST.format(file=str(tmp_path / "workers")))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2"]
    command += ["--dist", how, "--no-loadscope-reorder", f"--rootdir={tmp_path}", "tests"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    workers = (tmp_path / "workers").read_text().split()
    assert len(workers) == 16
    assert len(set(workers)) == most
