"""Every kind of parameter is shown, advised on and pasted, whatever framework it came from."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from rich.console import Console

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.space import Multiples, Normal, Parameter
from tune_bn.optuna import suggest_one_minus_log
from tune_bn.ray import CoarseToFineSearch, one_minus_loguniform
from tune_bn.report import advise, results_of, write_report
from tune_bn.report.figures import plot_importances, plot_narrowing, plot_parallel, plot_windows
from tune_bn.report.figures.svg import narrowing_svg
from tune_bn.report.pages.snippets import parameter_code, refined_space, refined_space_code
from tune_bn.report.pages.terminal import text_report
from tune_bn.report.results.results import Results

KINDS: dict[str, Parameter] = {
    "linear": Float(0.5, 100.0),
    "log": Float(1e-4, 1.0, log=True),
    "one_minus": Float(0.9, 0.999, one_minus_log=True),
    "stepped": Float(0.0, 2.0, step=0.25),
    "whole": Int(0, 300),
    "few": Int(1, 4),
    "whole_log": Int(1, 256, log=True),
    "whole_stepped": Int(8, 128, step=8),
    "multiples": Multiples(0, 40, 0.25),
    "multiples_log": Multiples(1, 400, 0.5, log=True),
    "whole_multiples": Multiples(-2, 3, 4),
    "whole_multiples_log": Multiples(1, 100, 3, log=True),
    "normal": Normal(2.0, 0.5),
    "normal_quantised": Normal(0.0, 3.0, 0.5),
    "choice": Categorical(["a", "b", "c"]),
}
NUMBERS = [name for name in KINDS if name != "choice"]
RAY = {
    "multiples": tune.quniform(0, 10, 0.25),
    "multiples_log": tune.qloguniform(0.5, 200, 0.5),
    "whole": tune.qrandint(-8, 12, 4),
    "whole_log": tune.qlograndint(3, 300, 3),
    "normal": tune.randn(2, 0.5),
    "normal_quantised": tune.qrandn(0, 3, 0.5),
}


def searched(name: str, *, is_high: bool, n: int = 80) -> Results:
    """Returns a search of which the best trials lie at one end of a parameter, and half fails."""
    space = {name: KINDS[name], "choice": KINDS["choice"]}
    search = CoarseToFine(space, seed=0, narrowing=Narrowing.for_budget(n))
    for _ in range(n):
        trial = search.ask()
        place = KINDS[name].position(trial.params[name])
        lost = 1 - place if is_high else place
        if lost > 0.7 and trial.number % 8:
            search.tell(trial, state="failed")
        else:
            search.tell(trial, lost + (0.1 if trial.params["choice"] == "a" else 0.0))
    return results_of(search)


@pytest.mark.parametrize(
    "is_high",
    [pytest.param(False, id="low"), pytest.param(True, id="high", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", NUMBERS)
def test_every_kind_is_shown(name: str, is_high: bool, tmp_path: Path):
    """Page, text, figures and advice; what is advised is a parameter that can be drawn."""
    results = searched(name, is_high=is_high)
    write_report(results, tmp_path / "report.html")
    assert name in (tmp_path / "report.html").read_text(encoding="utf-8")
    console = Console(width=100)
    with console.capture() as shown:
        console.print(text_report(results))
    assert name in shown.get()
    assert name in narrowing_svg(results)
    for plot in (plot_importances, plot_narrowing, plot_parallel, plot_windows):
        assert plot(results).layout.title.text
    found = advise(results)
    for advice in found:
        if advice.suggestion is not None:
            assert advice.suggestion.nearest(advice.suggestion.draw(0.5)) is not None
            assert parameter_code(results, advice.parameter or "", advice.suggestion)
    rules = {advice.rule for advice in found if advice.parameter == name}
    assert rules & {"edge", "failures", "log scale", "one-minus-log scale"} or name == "few"


@pytest.mark.parametrize("name", list(KINDS))
def test_core_code_makes_an_equal_parameter(name: str):
    """Of every kind, in the core's own words."""
    results = Results("s", "CoarseToFine", (), KINDS)
    made: dict[str, Any] = {
        kind.__name__: kind for kind in (Float, Int, Categorical, Multiples, Normal)
    }
    exec(f"made = {{{parameter_code(results, name, KINDS[name])}}}", made)
    assert made["made"] == {name: KINDS[name]}


@pytest.mark.parametrize("name", list(RAY))
def test_ray_code_makes_an_equal_domain(name: str):
    """Quantised and normal domains too: the pasted one is read as the same parameter."""
    search = CoarseToFineSearch({name: RAY[name]}, "loss", "min", seed=0)
    parameter = search.space[name]
    results = Results("s", "Ray Tune results", (), {name: parameter})
    made: dict[str, Any] = {"tune": tune, "one_minus_loguniform": one_minus_loguniform}
    exec(f"made = {{{parameter_code(results, name, parameter)}}}", made)
    assert CoarseToFineSearch(made["made"], "loss", "min").space == {name: parameter}


def test_ray_has_no_steps_from_elsewhere_than_zero():
    """1, 3, 5, … are no multiples of 2: a comment says what the parameter is."""
    odd = Int(1, 9, step=2)
    results = Results("s", "Ray Tune results", (), {"odd": odd})
    assert parameter_code(results, "odd", odd) == f"'odd': {odd!r}"


@pytest.mark.parametrize("name", list(RAY))
def test_a_search_of_ray_is_refined(name: str):
    """The narrower space of quantised and normal domains runs, and lies within the old one."""
    search = CoarseToFineSearch({name: RAY[name]}, "loss", "min", seed=0)
    for i in range(40):
        value = search.suggest(f"{i}")[name]
        search.on_trial_complete(f"{i}", {"loss": abs(value - 6), "training_iteration": 1})
    results = results_of(search)
    made: dict[str, Any] = {"tune": tune}
    exec(refined_space_code(results), made)
    narrow = CoarseToFineSearch(made["param_space"], "loss", "min").space[name]
    assert narrow == refined_space(results)[name]
    old = search.space[name].bounds
    assert old[0] <= narrow.bounds[0] < narrow.bounds[-1] <= old[-1]
    assert narrow.nearest(search.best.params[name]) == search.best.params[name]


@pytest.mark.parametrize("name", [n for n in NUMBERS if not n.startswith("normal")])
def test_suggest_code_draws_within(name: str):
    """What is pasted for Optuna draws values of the same range."""
    import optuna

    parameter = KINDS[name]
    code = parameter_code(Results("s", "Optuna study", (), {}), name, parameter)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        known = {"trial": study.ask(), "suggest_one_minus_log": suggest_one_minus_log}
        value = eval(code, known)
        assert parameter.bounds[0] <= value <= parameter.bounds[-1]
