"""A package that is missing by accident is never taken for one that is missing on purpose."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def outcome(package: str, *options: str, folder: Path) -> str:
    """Runs one test that needs a package in a fresh pytest; returns its last line."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (folder / "test_it.py").write_text(f"def test_it(needs):\n    needs({package!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    result = subprocess.run(
        [*command, str(folder)], cwd=folder, capture_output=True, text=True, check=False
    )
    return result.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("package", "options", "expected"),
    [
        ("numpy", [], "1 passed"),
        ("no_such_package.part", [], "1 failed"),
        ("no_such_package.part", ["--without", "another"], "1 failed"),
        ("no_such_package.part", ["--without", "no_such_package"], "1 skipped"),
    ],
)
def test_a_missing_package_fails_unless_excused(tmp_path, package, options, expected):
    """Only the packages that the command names may be missing."""
    assert outcome(package, *options, folder=tmp_path).startswith(expected)


def test_no_test_excuses_itself():
    """No test skips itself where a package is missing, which would hide it in the full run."""
    word = "import" + "orskip"
    assert [p for p in TESTS.rglob("*.py") if word in p.read_text(encoding="utf-8")] == []
