"""Coarse-to-fine random search for Optuna: the sampler, its stages, and the scale Optuna lacks."""

try:
    import optuna  # noqa: F401 - a missing framework should say how to install it
except ModuleNotFoundError as error:
    if error.name != "optuna":
        raise
    raise ModuleNotFoundError(
        "tune_bn.optuna needs Optuna, but it is not installed. "
        "Install it with: pip install 'tune-bn[optuna]'",
        name="optuna",
    ) from error

from tune_bn.optuna.distributions import suggest_one_minus_log
from tune_bn.optuna.sampler import CoarseToFineSampler
from tune_bn.optuna.stages import stages

__all__ = ["CoarseToFineSampler", "stages", "suggest_one_minus_log"]
