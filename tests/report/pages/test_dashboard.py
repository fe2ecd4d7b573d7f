"""The figures are kept in the study, where optuna-dashboard finds them."""

import json
from collections.abc import Iterator
from typing import Any

import optuna
import pytest

from tests.report.contrast import contrast
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import DashboardCallback, ReportError


def saved(study: optuna.Study) -> set[str]:
    attributes = study._storage.get_study_system_attrs(study._study_id)
    # Long figures are kept in numbered parts.
    return {str(key).rpartition(":")[0] for key in attributes if "plot_data" in str(key)}


def test_figures_are_saved_and_replaced():
    """After every tenth trial the figures are there, under the same names as before."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    callback = DashboardCallback(every=10)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=9, callbacks=[callback])
    assert saved(study) == set()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1, callbacks=[callback])
    first = saved(study)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=10, callbacks=[callback])
    assert first
    assert saved(study) == first


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_every_is_a_positive_integer(every: object):
    """Anything else is refused with what was got."""
    with pytest.raises(ReportError, match=repr(every)):
        DashboardCallback(every=every)  # type: ignore[arg-type]  # what is tested


def test_what_is_saved_can_be_read_on_a_light_page_and_on_a_dark_one():
    """The dashboard has cards of both: figures bring their own ground, and its ink suits it."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(
        lambda t: t.suggest_float("x", 0, 1), n_trials=20, callbacks=[DashboardCallback()]
    )
    figures = figures_of(study)
    assert len(figures) == 2
    for figure in figures:
        layout = figure["layout"]
        inks = {layout["font"]["color"], *(colours_of(layout))}
        assert {i for i in inks if contrast(i, layout["paper_bgcolor"]) < 4.5} == set()


def figures_of(study: optuna.Study) -> list[dict[str, Any]]:
    """Returns what the dashboard would draw, its parts put together."""
    attributes = study._storage.get_study_system_attrs(study._study_id)
    found: dict[str, dict[int, str]] = {}
    for key, text in attributes.items():
        name, _, part = str(key).rpartition(":")
        if "plot_data" in name:
            found.setdefault(name, {})[int(part)] = text
    return [json.loads("".join(parts[i] for i in sorted(parts))) for parts in found.values()]


def colours_of(layout: Any) -> Iterator[str]:
    """Yields the colours of type anywhere in a layout."""
    if isinstance(layout, dict):
        for key, value in layout.items():
            if key in ("font", "tickfont") and "color" in value:
                yield value["color"]
            yield from colours_of(value)
    elif isinstance(layout, list):
        for value in layout:
            yield from colours_of(value)
