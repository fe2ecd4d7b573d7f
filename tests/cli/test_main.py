import os
import subprocess
import sys
from pathlib import Path

import pytest

import tune_bn

ROOT = Path(tune_bn.__file__).parent.parent


def run_without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a fresh interpreter in which a package cannot be imported."""
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['tune-bn', *{list(words)!r}]; "
        "from tune_bn.__main__ import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("package", ["typer", "torch", "plotly"])
def test_a_missing_package_is_named_with_its_extra(package):
    """One line and exit code 2, whichever part is missing."""
    result = run_without(package, "tune", "--data", "digits")
    assert result.returncode == 2, result.stderr
    assert "pip install 'tune-bn[cli]'" in result.stderr
    assert package in result.stderr
    assert "Traceback" not in result.stderr


def test_help_loads_no_framework():
    """The answer is there at once, and without torch."""
    assert run_without("torch", "--help").returncode == 0


def test_the_list_of_commands_fits_80_columns():
    """No line is cut."""
    listed = run_without("torch", "--help").stdout
    assert "…" not in listed
    assert "..." not in listed.split("Commands:")[1]


@pytest.mark.heavy
def test_ctrl_c_while_it_starts(tmp_path):
    """The command line itself is imported for a while: one line, and the code of an interrupt."""
    (tmp_path / "rich.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tune_bn", "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    assert ended.stderr == "tune-bn: Stopped before anything was changed.\n"
    assert ended.returncode == 130
