"""Coarse-to-fine random search for Ray Tune: the search algorithm, a callback, a scale."""

try:
    import ray.tune  # noqa: F401 - a missing framework should say how to install it
except ModuleNotFoundError as error:
    # Ray itself raises without a name where its Tune extra is missing.
    if error.name is not None and error.name.split(".")[0] not in {"ray", "pandas", "pyarrow"}:
        raise
    raise ModuleNotFoundError(
        "tune_bn.ray needs Ray Tune, but it is not installed. "
        "Install it with: pip install 'tune-bn[ray]'",
        name="ray",
    ) from error

from tune_bn.ray.callback import StagesCallback
from tune_bn.ray.domains import one_minus_loguniform
from tune_bn.ray.search import CoarseToFineSearch

__all__ = ["CoarseToFineSearch", "StagesCallback", "one_minus_loguniform"]
