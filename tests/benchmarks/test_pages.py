"""All tables and figures come from the rows: making them anew changes nothing."""

import pytest

from benchmarks import pages
from benchmarks.search.chart import chart, wins
from benchmarks.search.command import FOLDER, sensitivity_rows
from benchmarks.search.compare import Comparison
from benchmarks.search.goals import found
from benchmarks.search.summary import fill, sensitivity_worst


def test_the_page_of_the_search_is_made_from_its_rows():
    """Each marked table and figure is what the rows say."""
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    assert fill(text, found(), sensitivity_rows(FOLDER)) == text


@pytest.mark.parametrize("make", [chart, wins])
def test_the_pictures_are_made_from_the_rows(make):
    """They were drawn from the rows as they are."""
    name = {chart: "progress", wins: "wins"}[make]
    assert (FOLDER / "figures" / f"{name}.svg").read_text(encoding="utf-8") == make(found())


def test_one_command_makes_all_of_it(tmp_path, monkeypatch):
    """Pages of the folder, the page of the search, its figures; a second time changes nothing."""
    (tmp_path / "docs" / "assets" / "measured").mkdir(parents=True)
    for name in ("README.md", "docs/some.md"):
        (tmp_path / name).write_text("<!-- figure: cost-of-tpe -->old<!-- end -->\n")
    results = tmp_path / "results"
    results.mkdir()
    for name in ("tune_bn", "tpe", "random", "sensitivity"):
        file = next(FOLDER.glob(f"{name}.json*"))
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        few = [line for line in lines if '"bbob' not in line and '"trials": 100' not in line][:40]
        (results / file.name).write_text("".join(few), encoding="utf-8")
    (results / "RESULTS.md").write_text("<!-- table: cost -->\nold\n<!-- end -->\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pages, "FOLDER", results)

    def written() -> dict[str, bytes]:
        pages.main([])
        files = (path for path in sorted(tmp_path.rglob("*")) if path.is_file())
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in files}

    once = written()
    assert not any(b"old" in once[name] for name in ("README.md", "docs/some.md"))
    assert b"old" not in once["results/RESULTS.md"]
    assert {f"results/figures/{name}" for name in ("wins.svg", "win_matrix.html")} <= {*once}
    assert written() == once


def test_the_settings_that_cost_most_are_named():
    """The three lowest, with how far they are below the default."""
    rows = [{"setting": "none", "factor": 1.0, "value": None, "mean": 0.7}]
    rows += [
        {"setting": f"s{i}", "factor": 2.0, "value": i, "mean": 0.7 - i / 100} for i in range(5)
    ]
    said = sensitivity_worst(rows)
    assert said.startswith(
        "What costs most is `s4` at 4 (0.040), `s3` at 3 (0.030), `s2` at 2 (0.020)"
    )


def test_a_changed_row_changes_the_page():
    """The judge of the page can fail."""
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    assert fill(text, Comparison([]), []) != text
