"""Every Python block of the README runs, and its tables are those of the rows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tune_bn.bench.tables import TABLES, fill

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_runs(number, tmp_path):
    """A reader can paste each block into an empty file in an empty folder."""
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", BLOCKS[number]],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr


def test_there_are_blocks():
    """The blocks above are found."""
    assert len(BLOCKS) >= 6


def test_tables_are_made_from_the_rows():
    """No figure in a table was typed: filling the tables again changes nothing."""
    assert fill(TEXT) == TEXT


def test_every_table_is_shown_and_has_rows():
    """Each table stands in the README and is not empty."""
    for name, make in TABLES.items():
        assert f"<!-- table: {name} -->" in TEXT
        assert len(make().splitlines()) > 2, name


def test_a_changed_figure_is_noticed():
    """The judge above can fail."""
    damaged = TEXT.replace("<!-- end -->", "| made up |\n<!-- end -->", 1)
    assert fill(damaged) != damaged
