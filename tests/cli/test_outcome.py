"""What is printed at the end of a run: the result first, in colour where it tells something."""

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from rich.console import Console, RenderableType

from tests.cli.test_main import run_without
from tune_bn.cli.outcome import print_outcome
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import results_of
from tune_bn.report.pages.terminal import text_report, watch_view
from tune_bn.tuning.finish.finish import Outcome

SCORE = {"balanced_accuracy": 0.97215, "loss": 0.1257, "accuracy": 0.9721}
SUMMARY: dict[str, Any] = {
    "metric": "balanced_accuracy",
    "maximize": True,
    "data": {"name": "digits.csv", "rows": {"train": 1078, "validation": 360, "test": 359}},
    "search": {"trials": 1000, "complete": 412, "pruned": 580, "failed": 8},
    "stages": [
        {"name": f"fine {n}" if n else "coarse", "trials": 40, "width": 0.7**n, "best_value": 0.97}
        for n in range(24)
    ],
    "best": {
        "trial": 987,
        "is_default": False,
        "networks": 4,
        "params": {"learning_rate": 0.01234567, "activation": "silu", "norm": "after_activation"},
        "test": SCORE,
    },
    "baselines": {
        "always the most frequent class": dict.fromkeys(SCORE, 0.1),
        "gradient boosting": dict.fromkeys(SCORE, 0.9),
        "default network": None,
    },
    "remarks": ["the timeout left time to compare 4 configurations at most, on 2 folds only"],
}
OUTCOME = Outcome(SUMMARY, (Path("/somewhere/runs/digits/model.pt"),), {})


def printed(width: int, **options: Any) -> str:
    """Returns what a run of a thousand trials prints on a console of this width."""
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)
    print_outcome(OUTCOME, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rendered(shown: RenderableType, width: int) -> str:
    """Returns what something looks like on a console of this width."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def broken(narrow: str, wide: str, width: int) -> set[str]:
    """Returns the words of a narrow text that are parts of words; paths are not folded."""
    assert all(len(line) <= width or "/" in line for line in narrow.splitlines())
    return set(narrow.split()) - set(wide.split()) - {"─" * n for n in range(1, 400)}


def test_the_result_comes_first_and_the_stages_in_ten_lines():
    """Of 24 stages the coarse one and the last are shown, and how many are not."""
    lines = printed(80).splitlines()
    assert lines[0].startswith("On 359 test rows")
    first = next(i for i, line in enumerate(lines) if "How the search narrowed" in line)
    last = next(i for i, line in enumerate(lines) if line == "Written:")
    stages = [line for line in lines[first:last] if line.strip()]
    assert len(stages) <= 10
    assert any(line.strip().startswith("coarse") for line in stages)
    assert any(line.strip().startswith("fine 23") for line in stages)
    assert any("(18 stages)" in line for line in stages)
    assert len(lines) < 40


@pytest.mark.parametrize("first", ["given", "earlier trials"])
def test_the_coarse_stage_is_shown_behind_trials_that_came_before(first):
    """In ten lines too: it is what the fine stages are compared with."""
    rows = [{**SUMMARY["stages"][0], "name": first}, *SUMMARY["stages"]]
    console = Console(file=io.StringIO(), width=80, highlight=False)
    print_outcome(Outcome({**SUMMARY, "stages": rows}, (), {}), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue().partition("How the search narrowed:")[2]
    lines = [line.strip() for line in printed.partition("Written:")[0].splitlines()]
    names = [line for line in lines if line.startswith((first, "coarse", "(", "fine"))]
    assert [line.split("  ")[0] for line in names[:3]] == [first, "coarse", "(19 stages)"]
    assert len(names) <= 8


@pytest.mark.parametrize("width", [80, 60])
def test_no_word_is_broken_at_the_end_of_a_run(width):
    """Neither of a table nor of a note."""
    assert broken(printed(width), printed(300), width) == set()


def test_the_judge_sees_a_broken_word():
    """A table that is too narrow for a word."""
    assert broken("gradi\nent boosting", "gradient boosting", 80) == {"gradi", "ent"}


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """A study of many parameters with long names, in many stages."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = optuna.create_study(
        study_name="digits", sampler=CoarseToFineSampler.for_budget(60, seed=0)
    )

    def objective(trial: optuna.Trial) -> float:
        drawn = [
            trial.suggest_float(f"{name}_of_the_optimizer", 1e-5, 1, log=True)
            for name in ("learning_rate", "weight_decay", "epsilon", "momentum", "warmup")
        ]
        kind = trial.suggest_categorical("activation", ["gaussian_error_linear_unit", "tanh"])
        return sum(drawn) + (kind == "tanh")

    found.optimize(objective, n_trials=60)
    return found


@pytest.mark.parametrize("width", [80, 60])
def test_no_word_is_broken_in_a_report_or_a_look(study, width):
    """`report --text` and `watch`, of a study with long names."""
    results = results_of(study)
    for shown in (text_report(results), watch_view(results, datetime(2026, 1, 1), every_s=2.0)):
        assert broken(rendered(shown, width), rendered(shown, 300), width) == set()


def test_the_winner_is_coloured_on_a_terminal_only(monkeypatch):
    """And not where NO_COLOR is set."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    winner = "\x1b[1;32mchosen network"
    assert winner in printed(80, force_terminal=True, color_system="standard").replace(
        " \x1b", "\x1b"
    )
    assert "\x1b" not in printed(80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;32m" not in printed(80, force_terminal=True)


@pytest.mark.heavy
def test_an_error_is_coloured_where_that_is_asked_for(monkeypatch):
    """Into a pipe it is plain, by FORCE_COLOR red, and NO_COLOR has the last word."""
    words = ("tune", "--data", "nowhere.csv")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert run_without("torch", *words).stderr.startswith("tune-bn: Data needs")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run_without("torch", *words).stderr.startswith("\x1b[1;31mtune-bn:\x1b[0m Data needs")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run_without("torch", *words).stderr.startswith("tune-bn: Data needs")
