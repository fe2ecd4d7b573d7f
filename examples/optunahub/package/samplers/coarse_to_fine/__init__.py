"""Random search that zooms in, from the package tune-bn."""

from tune_bn.optuna import CoarseToFineSampler, stages, suggest_one_minus_log

__all__ = ["CoarseToFineSampler", "stages", "suggest_one_minus_log"]
