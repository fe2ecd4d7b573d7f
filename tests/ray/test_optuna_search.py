"""The Optuna sampler inside Ray's own OptunaSearch, in a real run of Tune."""

from pathlib import Path

import optuna
import pytest
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from tests.ray.test_runs import trainable_to
from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler, stages

pytestmark = pytest.mark.usefixtures("local_ray")


def search() -> OptunaSearch:
    """Returns a search that narrows after two trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = CoarseToFineSampler(seed=0, narrowing=Narrowing(coarse_trials=2, stage_trials=2))
    return OptunaSearch(sampler=sampler, metric="loss", mode="min")


def test_it_runs_checkpoints_and_restores(tmp_path: Path) -> None:
    """All samples end, the stages are in its study; a search restored goes on."""
    first = search()
    results = tune.Tuner(
        trainable_to(1),
        param_space={"x": tune.uniform(0, 1), "depth": tune.randint(1, 4)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=5,
            search_alg=first,
            reuse_actors=True,
            max_concurrent_trials=1,
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="run", verbose=0),
    ).fit()
    assert len(results) == 5
    assert not results.errors
    configs = [results[i].config for i in range(len(results))]
    tried = {config["x"] for config in configs if config}
    restored = search()
    restored.restore_from_dir(str(tmp_path / "run"))
    study = restored._ot_study
    assert study is not None
    assert [s.name for s in stages(study)] == ["coarse", "fine 1", "fine 2"]
    following = restored.suggest("next")
    assert following is not None
    assert following["x"] not in tried
    assert len(study.trials) == 6
