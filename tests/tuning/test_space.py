import dataclasses

import optuna
import pytest

from tune_bn.core.space import Categorical, Int
from tune_bn.training import Config
from tune_bn.training.config import EARLIER
from tune_bn.tuning import space
from tune_bn.tuning.space import (
    SPACE,
    default_config,
    earlier_versions,
    given_configs,
    params_of,
    space_of,
    space_of_study,
    space_version,
    suggest_config,
)


def random_study(n: int) -> optuna.Study:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: suggest_config(trial).learning_rate, n_trials=n)
    return study


def test_every_parameter_is_one_of_the_configuration():
    """The space names nothing that a network does not have."""
    assert set(SPACE) <= {field.name for field in dataclasses.fields(Config)}


def test_the_default_configuration_is_inside_the_space():
    """The search begins with it, so it has to be a point of the space."""
    default = suggest_config(optuna.trial.FixedTrial(params_of(Config())))
    assert default == Config()


def test_a_finished_trial_gives_its_configuration_back():
    """Reading a trial again gives what was trained, to the last bit."""
    seen = {}

    def objective(trial: optuna.Trial) -> float:
        seen[trial.number] = suggest_config(trial)
        return 0.0

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=20)
    assert [suggest_config(trial) for trial in study.trials] == list(seen.values())


def test_a_trial_of_before_dropout_had_none():
    """Its configuration is the one that it was trained with; a new trial draws all."""
    (trial,) = random_study(1).trials
    assert 0 < suggest_config(trial).dropout < 0.5
    for name in EARLIER:
        del trial.params[name], trial.distributions[name]
    found = suggest_config(trial)
    assert (found.dropout, found.inputs) == (0.0, "standard")


def test_params_of_is_the_inverse_of_suggest_config():
    """A configuration can be enqueued again under the names that Optuna stores."""
    for trial in random_study(20).trials:
        params = params_of(suggest_config(trial))
        # 1 − β loses the last digits of what was drawn.
        complement = pytest.approx(trial.params["1 - momentum"], rel=1e-9)
        assert params == trial.params | {"1 - momentum": complement}


@pytest.mark.parametrize("rows", [0, 10, 19_999, 20_000, 120_000, 10**6, 10**9])
def test_batches_grow_with_the_table(rows):
    """Small tables are searched as ever; a large one is learned in about as many steps."""
    of = space_of(rows)
    default = default_config(rows)
    assert suggest_config(optuna.trial.FixedTrial(params_of(default)), of) == default
    assert (of == SPACE) == (default == Config()) == (rows < 20_000)
    assert (space_version(rows) == space_version()) == (rows < 20_000)
    if 20_000 <= rows <= 10**6:
        assert 150 <= rows / default.batch_size <= 313


def test_the_version_changes_with_a_range(monkeypatch):
    """A study of another range is another study."""
    before = space_version()
    wider = {**SPACE, "depth": Int(1, 9)}
    monkeypatch.setattr(space, "SPACE", wider)
    assert space_version() != before


def test_the_version_is_the_same_in_every_process():
    """It is stored with the study, so it must not depend on hash seeds or on the order of keys."""
    assert space_version() == space_version()
    assert len(space_version()) == 12


TWO_NORMS = Categorical(["before_activation", "after_activation"])


def test_studies_of_earlier_versions_are_known():
    """By the fingerprints that they hold: of version 0.1, and of before a network without norm."""
    assert earlier_versions() == ("c37d00ffc990", "891257e07e51")
    assert earlier_versions(30_000) == ("0ece88dc3cb5", "7a807a4b71a7")
    assert space_version() not in earlier_versions()


def of_before(n: int) -> optuna.Study:
    """Returns a study with so many trials of a space whose norm had two choices."""
    earlier = {**SPACE, "norm": TWO_NORMS}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: suggest_config(trial, earlier).dropout, n_trials=n)
    return study


def test_a_study_goes_on_with_its_own_choices():
    """Optuna takes no others into it; its finished trials are read by the newest space."""
    assert space_of_study(of_before(0), 100) == SPACE
    study = of_before(8)
    found = space_of_study(study, 30_000)
    assert found == {**space_of(30_000), "norm": TWO_NORMS}
    assert {suggest_config(trial).norm for trial in study.trials} == set(TWO_NORMS.choices)
    with pytest.raises(ValueError, match="dynamic value space"):
        suggest_config(study.ask())
    assert suggest_config(study.ask(), found).norm != "none"


def test_the_plain_network_is_given_where_the_space_has_it():
    """After the default configuration; it has no batch norm, and numbers that are not ranked."""
    default, plain = given_configs(30_000, SPACE)
    assert default == default_config(30_000)
    assert plain == dataclasses.replace(default, norm="none", inputs="standard")
    assert given_configs(100, space_of_study(of_before(1), 100)) == [Config()]
