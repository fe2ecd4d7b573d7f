"""Stages, scales and the attribute that each trial carries."""

import math

import optuna
import pytest

from tests.support.judges import uniform_p
from tests.support.studies import origins_of
from tune_bn import Narrowing, SpaceError
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.optuna import CoarseToFineSampler, stages, suggest_one_minus_log
from tune_bn.report import explain, plot_windows, results_of
from tune_bn.report.pages.listings import stage_table


def objective(trial: optuna.Trial) -> float:
    """Returns a loss on three scales."""
    alpha = trial.suggest_float("alpha", 1e-4, 1, log=True)
    n = trial.suggest_int("n", 1, 30)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return abs(math.log10(alpha) + 2) + abs(n - 12) / 10 + (kind == "a")


def study_of(n: int, storage: str | None = None) -> optuna.Study:
    """Returns a study of n trials."""
    study = optuna.create_study(storage=storage, sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=n)
    return study


def test_stages_are_what_happened():
    """Names, lengths, widths, windows and best values of each stage."""
    study = study_of(70)
    found = stages(study)
    narrowing = Narrowing()
    assert [s.index for s in found] == list(range(len(found)))
    assert found[0].trials == tuple(range(narrowing.coarse_trials or 0))
    assert [n for s in found for n in s.trials] == list(range(70))
    assert [s.width for s in found] == sorted((s.width for s in found), reverse=True)
    assert found[0].windows == {"alpha": (1e-4, 1.0), "n": (1, 30), "kind": ("a", "b")}
    for stage in found:
        values = [study.trials[n].value for n in stage.trials]
        assert stage.best_value == min(v for v in values if v is not None)


def test_windows_hold_the_best_and_get_narrower():
    """The last windows lie around the best trials and cover a small part of the range."""
    study = study_of(120)
    low, high = stages(study)[-1].windows["alpha"]
    assert low < study.best_params["alpha"] < high
    assert math.log10(high / low) < 2  # of four decades


def test_stages_of_a_study_read_from_its_storage(tmp_path):
    """Another process that only has the storage gets the same list."""
    url = f"sqlite:///{tmp_path}/study.db"
    study = study_of(40, url)
    again = optuna.load_study(study_name=study.study_name, storage=url)
    assert stages(again) == stages(study)


def test_stages_of_an_untouched_study():
    """A study of another sampler is one stage, over the whole range; an empty one has none."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert stages(study) == []
    study.optimize(objective, n_trials=5)
    (only,) = stages(study)
    assert (only.name, only.trials) == ("earlier trials", tuple(range(5)))
    assert only.windows["n"] == (1, 30)


def test_one_small_attribute_a_trial():
    """Each trial carries one attribute, a line of text, and no other trace."""
    study = study_of(60)
    for trial in study.trials:
        assert list(trial.user_attrs) == [MARK_KEY]
        assert trial.system_attrs == {}
        text = trial.user_attrs[MARK_KEY]
        assert isinstance(text, str)
        assert len(text) < 250
        mark = Mark.read(text, trial.number)
        assert mark is not None
        assert mark.to_text() == text


def test_one_write_a_trial():
    """The storage is written to once for each trial that the sampler draws."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    written = []
    storage = study._storage
    original = storage.set_trial_user_attr
    storage.set_trial_user_attr = lambda *a: (written.append(a), original(*a))[1]  # type: ignore[method-assign, func-returns-value]  # a spy
    study.optimize(objective, n_trials=20)
    assert len(written) == 20


def test_attributes_of_others_are_left_alone():
    """A foreign value under our key is no stage and no error."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.add_trial(
        optuna.trial.create_trial(value=1.0, user_attrs={MARK_KEY: "not ours", "note": 1})
    )
    study.optimize(objective, n_trials=3)
    assert stages(study)[0].name == "earlier trials"
    assert study.trials[0].user_attrs["note"] == 1


def test_one_minus_log_is_log_uniform_in_one_minus_beta():
    """β between 0.9 and 0.999: log(1 − β) is uniform, whatever the sampler."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0, narrowing=Narrowing.off()))
    values = [suggest_one_minus_log(study.ask(), "beta", 0.9, 0.999) for _ in range(1000)]
    assert all(0.9 <= v <= 0.999 for v in values)
    assert uniform_p([math.log10(1 - v) for v in values], -3, -1) > 1e-3


def test_one_minus_log_is_stored_on_a_log_scale():
    """The stored range reads 0.001 … 0.1, logarithmic, so that plots and importances are right."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: abs(suggest_one_minus_log(t, "beta", 0.9, 0.999) - 0.99), n_trials=40)
    expected = optuna.distributions.FloatDistribution(0.001, 0.1, log=True)
    assert study.trials[0].distributions == {"1 - beta": expected}
    assert optuna.importance.get_param_importances(study)["1 - beta"] == pytest.approx(1.0)


def test_one_minus_log_gives_the_value_back():
    """With the best trial, or its parameters in a FixedTrial, the same call returns the value."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    seen = {}

    def keep(trial: optuna.Trial) -> float:
        seen[trial.number] = suggest_one_minus_log(trial, "beta", 0.9, 0.999)
        return abs(seen[trial.number] - 0.99)

    study.optimize(keep, n_trials=20)
    fixed = optuna.trial.FixedTrial(study.best_params)
    expected = seen[study.best_trial.number]
    assert suggest_one_minus_log(study.best_trial, "beta", 0.9, 0.999) == expected
    assert suggest_one_minus_log(fixed, "beta", 0.9, 0.999) == expected
    study.enqueue_trial(study.best_params)
    study.optimize(keep, n_trials=1)
    assert seen[20] == expected


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (0.9, 1.0, "needs high < 1, but got high=1.0"),
        (0.99, 0.9, "low <= high"),
        (float("nan"), 0.9, "finite number low"),
    ],
)
def test_one_minus_log_misuse(low, high, message):
    """Bounds that do not suit the scale are refused before anything is stored."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    trial = study.ask()
    with pytest.raises(SpaceError, match=message):
        suggest_one_minus_log(trial, "beta", low, high)
    assert study.trials[0].params == {}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"seed": -1},
            ValueError,
            "CoarseToFineSampler needs a whole number seed >= 0, but got seed=-1",
        ),
        ({"seed": 1.5}, TypeError, "a whole number seed >= 0, but got seed=1.5"),
        ({"seed": True}, TypeError, "seed=True"),
        ({"narrowing": {"width": 1}}, TypeError, "needs a Narrowing as narrowing, but got"),
        ({"n_startup_trials": 3}, TypeError, "n_startup_trials"),
    ],
)
def test_every_wrong_option_is_named(options, error, message):
    """One clear error that names the option."""
    import re

    with pytest.raises(error, match=re.escape(message)):
        CoarseToFineSampler(**options)


def test_options_are_keyword_only():
    """A seed given by position is refused, so that no option is ever mistaken for another."""
    with pytest.raises(TypeError, match="positional"):
        CoarseToFineSampler(0)  # type: ignore[call-arg]  # wrong on purpose


def test_budget_misuse():
    """A budget that is none is refused by name."""
    with pytest.raises(ValueError, match="whole number n_trials >= 1, but got n_trials=0"):
        CoarseToFineSampler.for_budget(0)


def test_numpy_seeds_are_ints():
    """A seed from numpy is the same seed."""
    import numpy as np

    assert CoarseToFineSampler(seed=np.int64(3)).seed == 3  # type: ignore[arg-type]  # an integer all the same


def test_stages_count_alike_after_forty_trials_of_another_sampler():
    """The first that drew is "fine 1" to whoever asks, though the schedule is further by then."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=40)
    study.sampler = CoarseToFineSampler(seed=0)
    study.optimize(objective, n_trials=12)
    mark = Mark.read(study.trials[40].user_attrs[MARK_KEY], 40)
    assert mark is not None
    assert mark.stage > 2
    found = stages(study)
    assert [s.name for s in found][:3] == ["earlier trials", "fine 1", "fine 2"]
    results = results_of(study)
    assert results.stages == tuple(found)
    for stage in found[1:]:
        for number in stage.trials:
            assert results.by_number[number].stage == stage.index
            assert f", stage {stage.name}, drawn " in explain(study, number)


def test_a_stage_says_nothing_of_a_parameter_that_it_did_not_draw():
    """The branch that is worse is seldom taken: its windows are those of the draws, or missing."""

    def of_branches(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            return x
        return 5 + x + abs(trial.suggest_int("n", 1, 9) - 8)

    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(of_branches, n_trials=60)
    origins, missing = origins_of(study), 0
    for stage in stages(study)[1:]:
        windows = [origins[number].windows or {} for number in stage.trials]
        drawn = [w["n"].bounds for w in windows if "n" in w]
        missing += not drawn
        if drawn:
            assert stage.windows["n"] == (min(low for low, _ in drawn), max(h for _, h in drawn))
        assert ("n" in stage.windows) == bool(drawn)
    assert missing > 2
    table = stage_table(results_of(study))
    assert [row[table.columns.index("n")] for row in table.rows].count("–") == missing
    plot_windows(study)
