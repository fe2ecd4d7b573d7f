"""The narrowing as SVG: well-formed, escaped, one mark for each trial in each row."""

import re
from xml.etree import ElementTree

import optuna
import pytest

from tests.report.pages.test_page import evil
from tune_bn.report import ReportError, results_of
from tune_bn.report.figures.svg import narrowing_svg

SVG = "{http://www.w3.org/2000/svg}"


def kinds(text: str) -> list[str]:
    return [e.get("class", "") for e in ElementTree.fromstring(text).iter()]


def test_every_trial_has_a_mark_in_every_row(staged: optuna.Study):
    """As many marks of each kind as trials of it, times the parameters, and one in the legend."""
    text = narrowing_svg(staged)
    results = results_of(staged)
    counts = {
        state: sum(t.state == state for t in results.trials) for state in ("pruned", "failed")
    }
    for state, n in counts.items():
        assert kinds(text).count(state) == n * len(results.space) + 1
    assert kinds(text).count("best") == len(results.space) + 1
    circles = ElementTree.fromstring(text).iter(f"{SVG}circle")
    n_complete = len(results.complete) - 1
    assert len([*circles]) == n_complete * len(results.space) + 1


def test_every_drawn_value_has_its_bar(staged: optuna.Study):
    """As many bars as values that were drawn; each holds the place of its dot."""
    text, results = narrowing_svg(staged), results_of(staged)
    paths = [
        e.get("d", "")
        for e in ElementTree.fromstring(text).iter()
        if e.get("class", "").startswith("of-")
    ]
    found = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", " ".join(paths))
    moved = sum(len(t.origin.moved) for t in results.trials if t.origin)
    n_kinds = len({t.origin.mark.kind for t in results.trials if t.origin})
    assert len(found) == moved + n_kinds  # and those of the legend
    bars: dict[str, list[tuple[float, float]]] = {}
    for x, a, b in found:
        bars.setdefault(x, []).append((float(a), float(b)))
    circles = [*ElementTree.fromstring(text).iter(f"{SVG}circle")][1:]
    n_within = 0
    for circle in circles:
        at = float(circle.get("cy", "nan"))
        of_trial = bars.get(circle.get("cx", ""), [])
        n_within += any(top - 0.11 <= at <= bottom + 0.11 for top, bottom in of_trial)
    drawn = sum(len(t.origin.moved) for t in results.complete if t.origin)
    best = results.best
    assert best is not None
    assert best.origin is not None
    assert n_within >= drawn - len(best.origin.moved)


def test_it_is_small_and_fetches_nothing(staged: optuna.Study):
    """It can lie in a repository, and shows where no script runs."""
    text = narrowing_svg(staged)
    assert len(text) < 150_000
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
