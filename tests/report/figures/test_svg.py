"""The narrowing as SVG: well-formed, escaped, one mark for each trial in each row."""

import re
from xml.etree import ElementTree

import optuna
import pytest

from tests.report.searches import evil
from tune_bn.report import ReportError, results_of
from tune_bn.report.figures.svg import narrowing_svg
from tune_bn.report.results.wording import state_text

SVG = "{http://www.w3.org/2000/svg}"


def kinds(text: str) -> list[str]:
    return [e.get("class", "") for e in ElementTree.fromstring(text).iter()]


def marks(text: str) -> dict[str, list[tuple[float, float]]]:
    """Returns the places of the marks of each kind."""
    found: dict[str, list[tuple[float, float]]] = {}
    for group in ElementTree.fromstring(text).iter(f"{SVG}g"):
        paths = "".join(path.get("d", "") for path in group.findall(f"{SVG}path"))
        places = re.findall(r"M(-?[\d.]+) (-?[\d.]+)", paths)
        found.setdefault(group.get("class", ""), []).extend((float(x), float(y)) for x, y in places)
    return found


def test_every_trial_has_a_mark_in_every_row(staged: optuna.Study):
    """As many marks of each kind as trials of it, times the parameters."""
    found, results = marks(narrowing_svg(staged)), results_of(staged)
    n = len(results.space)
    for state in ("pruned", "failed"):
        of_state = sum(t.state == state for t in results.trials)
        assert len(found[state_text(state).replace(" ", "-")]) == n * of_state > 0
    assert len(found["best"]) == n
    assert len(found["complete"]) == n * (len(results.complete) - 1)


def test_every_drawn_value_has_its_bar(staged: optuna.Study):
    """As many bars as values that were drawn; each holds the place of its dot."""
    text, results = narrowing_svg(staged), results_of(staged)
    bars: dict[float, list[tuple[float, float]]] = {}
    for x, a, b in re.findall(r"M(-?[\d.]+) (-?[\d.]+)V(-?[\d.]+)", text):
        bars.setdefault(float(x), []).append((float(a), float(b)))
    moved = sum(len(t.origin.moved) for t in results.trials if t.origin)
    n_grid = len(re.findall(r"V", "".join(re.findall(r'class="grid" d="([^"]*)"', text))))
    assert sum(map(len, bars.values())) - n_grid == moved
    found = marks(text)["complete"]
    n_within = sum(
        any(top - 0.11 <= y <= bottom + 0.11 for top, bottom in bars.get(x, ())) for x, y in found
    )
    best = results.best
    assert best is not None
    drawn = sum(len(t.origin.moved) for t in results.complete if t.origin and t is not best)
    assert n_within >= drawn


def test_it_is_small_and_fetches_nothing(staged: optuna.Study):
    """It can lie in a repository, and shows where no script runs."""
    text = narrowing_svg(staged)
    assert len(text) < 60_000
    assert "<script" not in text
    assert "href" not in text


def test_names_are_shown_as_they_are():
    """A name is text, whatever it looks like."""
    shown = "".join(ElementTree.fromstring(narrowing_svg(evil())).itertext())
    assert "<script>alert(1)</script>" in shown
    assert "\\x1b[2J\\u202e" in shown


def test_another_samplers_study_has_no_windows():
    """Without stages there are the draws alone."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=5)
    assert "window" not in kinds(narrowing_svg(study))


def test_a_long_search_is_thinned_and_says_so(staged: optuna.Study):
    """Of many trials some are shown."""
    assert "20 of them shown" in narrowing_svg(staged, max_trials=20)


def test_nothing_to_draw_is_said():
    """An empty study has no figure."""
    with pytest.raises(ReportError, match="has none yet"):
        narrowing_svg(optuna.create_study())


def test_its_style_is_for_itself(staged: optuna.Study):
    """Within a page of documentation no other picture or text changes its look."""
    style = narrowing_svg(staged).partition("<style>")[2].partition("</style>")[0]
    selectors = re.findall(
        r"([^{}]+)\{", style.replace("@media (prefers-color-scheme: dark) {", "")
    )
    assert len(selectors) > 8
    assert all(selector.strip().startswith(".narrowing") for selector in selectors)
