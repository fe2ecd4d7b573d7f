"""Every Python block of README and docs runs, and their tables are those of the rows."""

import os
import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.charts import CHARTS
from benchmarks.pages import TABLES, fill
from tests.support import warm
from tune_bn.cli import app

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
FOR_DEVELOPERS = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ".ci/run")
README = PAGES["README.md"]
ISSUES = "../../issues"  # beside the source, where a repository is shown


def blocks(text: str) -> list[str]:
    """Returns the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def outputs(text: str) -> list[str | None]:
    """Returns what a page shows below each of its Python blocks; None where it shows nothing."""
    found = re.findall(r"```python\n.*?```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [shown or None for shown in found]


def words(text: str) -> int:
    """Returns the number of words outside code, of tables and captions too."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    return len(re.findall(r"\S*\w\S*", re.sub(r"\]\([^)]*\)", "]", text)))


def run(code: str, folder: Path) -> str:
    """Runs code as a reader would: pasted into a file in an empty folder, in a new home."""
    head = "import warnings; warnings.filterwarnings('error', '', DeprecationWarning, '__main__')\n"
    (folder / "pasted.py").write_text(head + code, encoding="utf-8")
    result = warm.run(
        [str(folder / "pasted.py")],
        folder=folder,
        environment={
            **os.environ,
            "HOME": str(folder),
            "OMP_NUM_THREADS": "1",
            "RAY_ADDRESS": "local",  # not a cluster of another test that runs beside this one
        },
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("number", range(len(blocks(README))))
def test_every_block_of_the_readme_runs(number, tmp_path):
    """Each stands alone, and prints what is shown below it."""
    printed = run(blocks(README)[number], tmp_path)
    if (shown := outputs(README)[number]) is not None:
        assert printed == shown


@pytest.mark.parametrize("page", [p for p in PAGES if p != "README.md" and blocks(PAGES[p])])
def test_every_page_of_the_docs_runs(page, tmp_path):
    """The blocks of a page, in their order, are one program."""
    run("\n".join(blocks(PAGES[page])), tmp_path)


def test_there_are_blocks():
    """The blocks above are found."""
    assert len(blocks(README)) == len(outputs(README)) >= 4
    assert sum(shown is not None for shown in outputs(README)) >= 3
    assert sum(bool(blocks(text)) for text in PAGES.values()) >= 7


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_made_from_the_rows(page):
    """No figure in a table was typed: ``python -m benchmarks pages`` changes nothing."""
    assert fill(PAGES[page]) == PAGES[page]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_shown_and_has_rows(name):
    """Each table stands on a page and is not empty."""
    kind = "figure" if "\n" not in (made := TABLES[name]()) else "table"
    assert any(f"<!-- {kind}: {name} -->" in text for text in PAGES.values())
    assert kind == "figure" or len(made.splitlines()) > 2


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_made_from_the_rows(name):
    """No chart was drawn by hand (``python -m benchmarks pages`` changes none); each is shown."""
    file = f"assets/measured/{name}.svg"
    assert (ROOT / "docs" / file).read_text(encoding="utf-8") == CHARTS[name]()
    assert f"]({file})" in PAGES["docs/measurements.md"]


def test_a_changed_figure_is_noticed():
    """The judge above can fail."""
    damaged = README.replace("<!-- end -->", "| made up |\n<!-- end -->", 1)
    assert fill(damaged) != damaged


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    """Each link to a file of the source finds it."""
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", PAGES[page]):
        assert target == ISSUES or (folder / target).exists(), target


def test_the_readme_is_short():
    """A stranger reads 700 words."""
    assert words(README) <= 700
    assert words("one, [two](three/four.md) | five |\n```\nsix\n```") == 3


@pytest.mark.parametrize("page", [*PAGES, *FOR_DEVELOPERS])
def test_what_is_to_be_made_is_a_target(page):
    """Whoever types a ``make …`` of a page gets what it says."""
    targets = re.findall(r"(?m)^([\w.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    text = (ROOT / page).read_text(encoding="utf-8")
    for words in re.findall(r"(?m)(?:^|`)make ((?:[a-z][\w-]*(?: (?=[a-z]))?)+)", text):
        assert set(words.split()) <= {*targets}, words


def typed(text: str) -> list[list[str]]:
    """Returns the words of each `tune-bn …` that a page shows, in a block or in a sentence."""
    blocks = "".join(re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL))
    lines = [*blocks.splitlines(), *re.findall(r"`(tune-bn [a-z][^`]*)`", text)]
    found = [line.removeprefix("!") for line in lines if line.lstrip("!").startswith("tune-bn ")]
    return [shlex.split(line, comments=True) for line in found]


def test_every_command_that_is_shown_can_be_typed():
    """Its name and its options are the command's own."""
    shown = [(page, words) for page in PAGES for words in typed(PAGES[page])]
    assert len(shown) > 20
    helps: dict[str, str] = {}
    for page, (_, name, *words) in shown:
        if name not in helps:
            helps[name] = CliRunner().invoke(app, [*name.split(), "--help"]).output
        for word in words:
            option = word.split("=")[0]
            if option.startswith("--"):
                assert f"{option} " in helps[name], f"{page}: tune-bn {name} {option}"


@pytest.mark.parametrize("page", PAGES)
def test_extras_that_are_named_are_there(page):
    """Whoever types a ``pip install 'tune-bn[…]'`` of a page gets what it says."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n\n")[0]
    known = set(re.findall(r"(?m)^(\w+) = ", extras))
    for named in re.findall(r"(?:tune-bn|'\.)\[([\w,]+)\]", PAGES[page]):
        assert set(named.split(",")) <= known


def test_links_lead_into_the_repository_elsewhere():
    """On a package index a page lies beside nothing: files, pictures and issues have addresses."""
    absolute = runpy.run_path(str(ROOT / "docs/readme_elsewhere.py"))["absolute"]
    text = "[a](b.md#c) ![d](e.svg) [f](../../issues) [g](https://h.i)"
    assert absolute(text, "https://r") == (
        "[a](https://r/blob/HEAD/b.md#c) ![d](https://r/raw/HEAD/e.svg) "
        "[f](https://r/issues) [g](https://h.i)"
    )
    links = re.findall(r"\]\(([^)]*)\)", absolute(README, "https://r"))
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)
