"""The notebook of the docs is run as Jupyter runs it, and shows what people expect."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def cells(needs, tmp_path_factory) -> list[Any]:
    """The blocks of the page as cells, each with what it showed."""
    client, nbformat = needs("nbclient"), needs("nbformat")
    needs("ipykernel")
    text = (ROOT / "docs/notebook.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in codes])
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("IPYTHONDIR", str(folder))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        client.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    return list(notebook.cells)


def shown(cell: Any, kind: str) -> str:
    """Returns what a cell shows of one kind; "" where it shows none."""
    return "".join(str(out.get("data", {}).get(kind, "")) for out in cell.outputs)


def printed(cell: Any) -> str:
    """Returns what a cell printed."""
    return "".join(str(out.get("text", "")) for out in cell.outputs)


def test_progress_takes_a_few_lines(cells: list[Any]):
    """Sixty trials print no line each: a bar that goes on in its place, and a warning at most."""
    text = printed(cells[0])
    assert "60/60" in text
    assert text.count("\n") < 10


def test_stages_are_a_table(cells: list[Any]):
    """The list of stages shows itself as one, with the windows of each."""
    html = shown(cells[1], "text/html")
    assert html.startswith("<table><caption>Stages")
    assert "<td>coarse</td><td>8</td>" in html
    assert "<th>layers</th>" in html


def test_a_figure_shows_itself(cells: list[Any]):
    """As a figure of plotly's that a notebook draws."""
    assert "lr" in shown(cells[3], "application/vnd.plotly.v1+json")


def test_the_page_shows_itself_in_a_frame(cells: list[Any]):
    """Apart from the notebook: with an origin of its own, and with nothing that ends its frame."""
    html = shown(cells[4], "text/html")
    whole = re.fullmatch(r'(<iframe [^>]*srcdoc=)"([^"]*)"[^>]*></iframe>', html)
    assert whole is not None
    frame, text = whole.groups()
    assert 'sandbox="allow-scripts"' in frame
    assert text.startswith("&lt;!doctype html&gt;")
    assert "How the search narrowed" in text
    assert len(shown(cells[4], "text/plain")) < 100


def test_what_a_cell_shows_needs_no_widget(cells: list[Any]):
    """HTML with plain text beside it, as every front end takes it; figures are plotly's own."""
    bundles = [out["data"] for cell in cells for out in cell.outputs if "data" in out]
    plotly = {"application/vnd.plotly.v1+json"}
    assert sum(plotly <= set(bundle) for bundle in bundles) == 1
    others = [set(bundle) for bundle in bundles if not plotly <= set(bundle)]
    assert others == [{"text/html", "text/plain"}] * 2
