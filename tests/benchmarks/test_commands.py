"""``python -m benchmarks``: the list, and the help of each."""

import subprocess
import sys

import pytest

from benchmarks.__main__ import MODULES, main


def test_the_list_names_every_benchmark(capsys):
    """Without a name, all are listed, within 80 columns."""
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in MODULES)
    assert max(map(len, listed.splitlines())) <= 80


@pytest.mark.parametrize("name", MODULES)
def test_the_help_of_a_benchmark_names_it(name, capsys):
    """The line to copy is the line that works."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m benchmarks {name}" in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys):
    """One line, and the code for wrong usage."""
    assert main(["speed"]) == 2
    assert "There is no benchmark 'speed'; there are search," in capsys.readouterr().err


def test_it_runs_as_a_module():
    """As people type it."""
    command = [sys.executable, "-m", "benchmarks", "overhead", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.startswith("usage: python -m benchmarks overhead"), result.stderr
