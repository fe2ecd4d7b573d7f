"""Problems whose parameters depend on one another: a choice decides which others there are.

No tables of such spaces are at hand, so these are made: each branch has a landscape and parameters
of its own, on the scales that tuning has (log, integer, category), and one branch is better than
the others by little, so that a search must not settle too early.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.problems.problem import Problem
from tune_bn.core.space import Categorical, Float, Int, Parameter

__all__ = ["branch_problems"]

Params = Mapping[str, Any]


def _optimiser(params: Params) -> float:
    """SGD with momentum, or Adam with decays: different best steps, SGD a little better."""
    if params["optimiser"] == "sgd":
        step = math.log10(params["sgd_rate"]) + 1.0
        momentum = math.log10(1 - params["momentum"]) + 1.3
        loss = 0.10 + 0.04 * step**2 + 0.05 * (momentum + 0.5 * step) ** 2
    else:
        step = math.log10(params["adam_rate"]) + 3.0
        loss = 0.13 + 0.05 * step**2 + 0.01 * abs(params["beta"] - 0.9)
    loss += 0.002 * (params["depth"] - 3) ** 2 + 0.01 * (params["norm"] == "none")
    return float(loss)


def _layers(params: Params) -> float:
    """A network whose number of layers decides how many widths there are."""
    widths = [params[f"width_{i}"] for i in range(params["n_layers"])]
    size = sum(math.log2(w) for w in widths)
    fit = 0.3 / (1 + size) + 0.02 * abs(math.log2(widths[0] / 128))
    taper = sum(max(math.log2(b / a), 0.0) for a, b in itertools.pairwise(widths))
    return float(fit + 0.02 * taper + 0.004 * params["n_layers"] ** 2)


def _models(params: Params) -> float:
    """Three kinds of model, each with one or two parameters."""
    if params["model"] == "linear":
        return 0.25 + 0.01 * (math.log10(params["l2"]) + 2) ** 2
    if params["model"] == "kernel":
        c, gamma = math.log10(params["c"]), math.log10(params["gamma"])
        return 0.15 + 0.03 * (c - 1) ** 2 + 0.05 * (gamma + 2 + 0.3 * c) ** 2
    trees = params["trees"] / 500
    return float(0.17 + 0.08 * (1 - trees) ** 2 + 0.01 * abs(params["leaf"] - 4))


def _problem(
    name: str,
    space: dict[str, Parameter],
    loss: Callable[[Params], float],
    branch: Callable[[Params], tuple[str, ...]],
) -> Problem:
    return Problem("branches", name, space, loss, branch=branch)


def branch_problems() -> list[Problem]:
    """Returns the three conditional problems."""
    optimiser: dict[str, Parameter] = {
        "optimiser": Categorical(["sgd", "adam"]),
        "sgd_rate": Float(1e-4, 10.0, log=True),
        "momentum": Float(0.0, 0.999, one_minus_log=True),
        "adam_rate": Float(1e-5, 1.0, log=True),
        "beta": Float(0.5, 0.999),
        "depth": Int(1, 8),
        "norm": Categorical(["none", "batch", "layer"]),
    }

    def of_optimiser(params: Params) -> tuple[str, ...]:
        own = {"sgd": ("sgd_rate", "momentum"), "adam": ("adam_rate", "beta"), None: ()}
        return ("optimiser", "depth", "norm", *own[params.get("optimiser")])

    layers: dict[str, Parameter] = {"n_layers": Int(1, 5)}
    layers |= {f"width_{i}": Int(8, 512, log=True) for i in range(5)}

    def of_layers(params: Params) -> tuple[str, ...]:
        return ("n_layers", *(f"width_{i}" for i in range(params.get("n_layers", 0))))

    models: dict[str, Parameter] = {
        "model": Categorical(["linear", "kernel", "forest"]),
        "l2": Float(1e-6, 1e2, log=True),
        "c": Float(1e-3, 1e3, log=True),
        "gamma": Float(1e-6, 1e1, log=True),
        "trees": Int(10, 500, log=True),
        "leaf": Int(1, 20),
    }

    def of_models(params: Params) -> tuple[str, ...]:
        own = {
            "linear": ("l2",),
            "kernel": ("c", "gamma"),
            "forest": ("trees", "leaf"),
            None: (),
        }
        return ("model", *own[params.get("model")])

    return [
        _problem("optimiser", optimiser, _optimiser, of_optimiser),
        _problem("layers", layers, _layers, of_layers),
        _problem("models", models, _models, of_models),
    ]
