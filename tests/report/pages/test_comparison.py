"""Several searches in one page: who was ahead, at equal numbers of trials, and how sure that is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from typer.testing import CliRunner

from tests.report.outline import Outline
from tune_bn.cli import app
from tune_bn.report import (
    ReportError,
    plot_best_values,
    plot_edf,
    results_of,
    write_comparison,
)
from tune_bn.report.figures.several import comparable
from tune_bn.report.pages.comparison import compare


def study(n: int, seed: int, best: float = 0.0, *, maximize: bool = False) -> optuna.Study:
    direction = optuna.study.StudyDirection.MAXIMIZE if maximize else None
    made = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=seed), direction=direction
    )
    made.optimize(lambda t: t.suggest_float("x", 0, 1) + best, n_trials=n)
    return made


@pytest.fixture(scope="module")
def two() -> dict[str, optuna.Study]:
    return {"short": study(10, 0), "long": study(30, 1, best=-0.5)}


def test_the_best_comes_first_with_its_trials(two: dict[str, optuna.Study]):
    """The order is by value, and each search's size is said."""
    first, early, warning = compare(comparable(two))
    assert first.startswith("long reached")
    assert "in 30 trials; short reached" in first
    values = [t.value for t in results_of(two["long"]).trials[:10]]
    assert f"After 10 trials each: long {min(values):.5g}" in early
    assert "another seed" in warning


def test_the_largest_is_ahead_where_it_is_best():
    """Of searches that maximise the largest value comes first."""
    pair = {"low": study(5, 0, maximize=True), "high": study(5, 0, 9, maximize=True)}
    assert compare(comparable(pair))[0].startswith("high reached")


def test_a_search_without_a_value_is_said():
    """It is named, not left out in silence."""
    pair = {"empty": optuna.create_study(), "done": study(3, 0)}
    assert any("Without a value: empty" in text for text in compare(comparable(pair)))


def test_the_page_has_both_figures_and_the_best(two: dict[str, optuna.Study], tmp_path: Path):
    """Best by trial, distributions, best configurations; it fetches nothing and is small."""
    file = tmp_path / "two.html"
    write_comparison(two, file)
    text = file.read_text(encoding="utf-8")
    seen = Outline(text)
    for words in ("short against long", "Share of the trials", "Best value by trial", "Range"):
        assert words in seen.text
    assert all(address.startswith("#") for address in seen.addresses)
    assert len(text) < 200_000


def test_distributions_are_shares(two: dict[str, optuna.Study]):
    """A line tells which share of the trials is at least as good as a value."""
    for trace in plot_edf(two).data:
        values = [t.value for t in two[trace.name].trials]
        for x, share in zip(trace.x, trace.y, strict=True):
            assert share == pytest.approx(np.mean(np.array(values) <= x))


def test_best_values_end_at_the_best(two: dict[str, optuna.Study]):
    """Each line ends at its study's best value."""
    for trace in plot_best_values(two).data:
        assert trace.y[-1] == two[trace.name].best_value


def test_what_cannot_be_compared_is_refused(two_objectives: optuna.Study):
    """Two goals, several objectives, nothing at all."""
    one = study(3, 0)
    with pytest.raises(ReportError, match="one goal"):
        comparable({"a": one, "b": study(3, 0, maximize=True)})
    with pytest.raises(ReportError, match="one goal"):
        comparable({"a": one, "b": replace(results_of(one), objectives=("loss",))})
    with pytest.raises(ReportError, match="one objective"):
        comparable({"a": one, "b": two_objectives})
    with pytest.raises(ReportError, match="got none"):
        comparable({})


def test_the_command_compares(tmp_path: Path):
    """`tune-bn report a.db b.db` writes one page; --text prints who was ahead."""
    places = []
    for name, seed in (("a", 0), ("b", 1)):
        url = f"sqlite:///{tmp_path}/{name}.db"
        optuna.copy_study(
            from_study_name=(made := study(4, seed)).study_name,
            from_storage=made._storage,
            to_storage=url,
            to_study_name=name,
        )
        places.append(f"{tmp_path}/{name}.db")
    out = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["report", *places, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "a against b" in out.read_text(encoding="utf-8")
    result = CliRunner().invoke(app, ["report", *places, "--text"])
    assert "reached" in result.output
    result = CliRunner().invoke(app, ["report", *places, "--json"])
    assert result.exit_code == 2
    assert "--json needs one search" in result.output
