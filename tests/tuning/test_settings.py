import inspect
from typing import Any

import pytest

from tune_bn.cli.tune import tune
from tune_bn.sklearn import TunedClassifier, TunedRegressor
from tune_bn.training.config import METRICS
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.settings import DIRECTIONS, RaySettings, Settings


@pytest.mark.parametrize("name", ["trials", "jobs", "epochs"])
def test_none_of_something_is_refused(name: str) -> None:
    """The message names the setting, the value and the remedy."""
    values: dict[str, Any] = {name: 0}
    with pytest.raises(TuneError, match=rf"a whole number {name} >= 1, but got {name}=0"):
        Settings(**values)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_outside_its_range_is_refused(seed):
    """Every part of a run takes 31 bits."""
    with pytest.raises(TuneError, match=f"a whole number .*seed .*, but got seed={seed}"):
        Settings(seed=seed)


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf"), "60", True])
def test_a_timeout_that_is_no_duration_is_refused(timeout):
    """A search of no time can find nothing."""
    with pytest.raises(TuneError, match="a finite number timeout > 0, but got timeout="):
        Settings(timeout_s=timeout)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cpus_per_trial", -1.0),
        ("cpus_per_trial", float("nan")),
        ("gpus_per_trial", "1"),
        ("max_concurrent", 0),
        ("max_concurrent", 1.5),
        ("scheduler", "median"),
    ],
)
def test_what_ray_cannot_be_asked_for_is_refused(option: str, value: Any) -> None:
    """By name and value, never with the rest of the settings."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(TuneError, match=f"{option}.*but got {option}={value!r}") as caught:
        RaySettings(**options)
    assert "RaySettings(" not in str(caught.value)


def test_a_trial_on_nothing_is_refused():
    """No CPU is allowed beside a GPU only."""
    assert RaySettings(cpus_per_trial=0, gpus_per_trial=1).gpus_per_trial == 1
    with pytest.raises(TuneError, match="needs a CPU or a GPU"):
        RaySettings(cpus_per_trial=0)


def test_a_metric_of_the_other_task_is_refused():
    """The message offers the metrics of this task."""
    with pytest.raises(
        TuneError,
        match="A classification needs metric to be one of accuracy, loss, .*, but got metric='r2'",
    ):
        Settings(metric="r2").metric_for("classification")


def test_a_metric_of_both_tasks_has_one_direction():
    """Where one name stands for two of them."""
    for of_task in METRICS.values():
        assert of_task.items() <= DIRECTIONS.items()


def test_every_metric_is_named_where_one_is_asked_for():
    """In the command's help and in the estimators' documentation."""
    help_text = str(inspect.signature(tune).parameters["metric"].annotation.__metadata__[0].help)
    said = {
        "classification": (help_text, TunedClassifier.__doc__),
        "regression": (help_text, TunedRegressor.__doc__),
    }
    for task, texts in said.items():
        for name in METRICS[task]:
            assert all(name in str(text) for text in texts), name


def test_another_seed_is_another_study():
    """The seed decides the split, so values under two seeds cannot be compared."""
    of = {"task": "regression", "fingerprint": "f", "space": "s"}
    assert Settings(seed=0).identity(**of) != Settings(seed=1).identity(**of)


def test_more_trials_are_the_same_study():
    """A study can be asked to go on for longer, with more jobs, or until a timeout."""
    of = {"task": "regression", "fingerprint": "f", "space": "s"}
    longer = Settings(trials=99, jobs=2, timeout_s=5.0)
    assert Settings().identity(**of) == longer.identity(**of)
