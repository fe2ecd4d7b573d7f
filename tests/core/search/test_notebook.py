"""What a notebook and a terminal show of a search, a stage and a schedule."""

from tune_bn import CoarseToFine, Float, Narrowing
from tune_bn.core.draws.stages import Stages


def search() -> CoarseToFine:
    """Twenty trials of one parameter with a name that is markup."""
    found = CoarseToFine({"<b>": Float(1e-4, 1, log=True)}, seed=0)
    for _ in range(20):
        trial = found.ask()
        found.tell(trial, trial.params["<b>"])
    return found


def test_a_search_shows_its_stages():
    """A row for each stage; names are shown as they are."""
    html = search()._repr_html_()
    assert "<td>coarse</td><td>8</td>" in html
    assert "<th>&lt;b&gt;</th>" in html
    assert "<b>" not in html


def test_stages_are_one_table():
    """As those of a study are, each with its windows."""
    html = Stages(search().stages())._repr_html_()
    assert html.count("<table") == 1
    assert "<td>coarse</td><td>8</td>" in html
    assert "<td>0.0001 … 1</td>" in html


def test_a_stage_shows_its_windows():
    """The name, the number of trials, and the window of each parameter."""
    html = search().stages()[0]._repr_html_()
    assert "coarse: 8 trials" in html
    assert "0.0001 … 1" in html


def test_stages_print_a_line_each():
    """However many trials they have."""
    stages = search().stages()
    assert repr(stages).splitlines() == [repr(stage) for stage in stages]
    assert repr(stages[0]).startswith("<Stage coarse: 8 trials, width 1")
    assert repr(Stages()) == "[]"


def test_a_schedule_shows_its_options():
    """Each option with its value."""
    html = Narrowing()._repr_html_()
    assert "<td>coarse_trials</td><td>8</td>" in html
