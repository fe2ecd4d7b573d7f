"""Every Python block of README and docs runs, and their tables are those of the rows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pages import TABLES, fill

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
README = PAGES["README.md"]


def blocks(text: str) -> list[str]:
    """Returns the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(code: str, folder: Path) -> None:
    """Runs code as a reader would: pasted into a file in an empty folder, in a new home."""
    (folder / "pasted.py").write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "pasted.py"],
        cwd=folder,
        env={
            # `ray.init` of an earlier test asks for a token that a new home does not hold.
            **{k: v for k, v in os.environ.items() if k != "RAY_AUTH_MODE"},
            "HOME": str(folder),
            "OMP_NUM_THREADS": "1",
            "RAY_ADDRESS": "local",  # not a cluster of another test that runs beside this one
            "RAY_USAGE_STATS_ENABLED": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("number", range(len(blocks(README))))
def test_every_block_of_the_readme_runs(number, tmp_path):
    """Each stands alone."""
    run(blocks(README)[number], tmp_path)


@pytest.mark.parametrize("page", [p for p in PAGES if p != "README.md" and blocks(PAGES[p])])
def test_every_page_of_the_docs_runs(page, tmp_path):
    """The blocks of a page, in their order, are one program."""
    run("\n".join(blocks(PAGES[page])), tmp_path)


def test_there_are_blocks():
    """The blocks above are found."""
    assert len(blocks(README)) >= 4
    assert sum(bool(blocks(text)) for text in PAGES.values()) >= 7


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_made_from_the_rows(page):
    """No figure in a table was typed: ``python -m benchmarks pages`` changes nothing."""
    assert fill(PAGES[page]) == PAGES[page]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_shown_and_has_rows(name):
    """Each table stands on a page and is not empty."""
    assert any(f"<!-- table: {name} -->" in text for text in PAGES.values())
    assert len(TABLES[name]().splitlines()) > 2


def test_a_changed_figure_is_noticed():
    """The judge above can fail."""
    damaged = README.replace("<!-- end -->", "| made up |\n<!-- end -->", 1)
    assert fill(damaged) != damaged


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    """Each link to a file of the source finds it."""
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", PAGES[page]):
        assert (folder / target).exists(), target


def test_the_api_table_names_what_there_is():
    """Every name in the README's table can be imported from where it says."""
    table = README.split("| import from | names |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        modules, names = ([*re.findall(r"`([\w./]+)`", cell)] for cell in row.split("|")[1:3])
        names = [n for name in names for n in _spelt_out(name)]
        assert names
        code = "\n".join([f"import {m}" for m in modules])
        for name in names:
            code += f"\nassert any(hasattr(m, {name!r}) for m in [{', '.join(modules)}]), {name!r}"
        exec(code, {})


def _spelt_out(name: str) -> list[str]:
    """Returns ``BatchNorm1d``, ``BatchNorm2d``, … for ``BatchNorm1d/2d/3d``."""
    first, *others = name.split("/")
    return [first, *(first[: -len(other)] + other for other in others)]
