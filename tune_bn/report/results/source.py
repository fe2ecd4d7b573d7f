"""Any search, whoever drove it, as plain records."""

from typing import Any

from tune_bn.report.errors import ReportError
from tune_bn.report.results.results import Results

__all__ = ["results_of"]


def results_of(source: Any) -> Results:
    """Returns a search as plain records.

    Args:
        source: An Optuna study, a Ray Tune ``ResultGrid`` or ``ExperimentAnalysis``, a
            `tune_bn.CoarseToFine`, a `tune_bn.ray.CoarseToFineSearch`, or `Results` themselves.

    Raises:
        ReportError: If it is something else.
    """
    if isinstance(source, Results):
        return source
    # The frameworks are recognised by name: importing one to ask would load it.
    homes = {kind.__module__.split(".")[0] for kind in type(source).__mro__}
    if "optuna" in homes and hasattr(source, "get_trials"):
        from tune_bn.report.results.from_optuna import results_of_study

        return results_of_study(source)
    if "tune_bn" in homes and "ray" in homes and hasattr(source, "trial_ids"):
        from tune_bn.report.results.from_ray import results_of_searcher

        return results_of_searcher(source)
    if "ray" in homes:
        from tune_bn.report.results.from_ray import results_of_grid

        return results_of_grid(source)
    if "tune_bn" in homes and hasattr(source, "stages"):
        from tune_bn.report.results.from_core import results_of_search

        return results_of_search(source)
    raise ReportError(
        "A report needs an Optuna study, a Ray Tune ResultGrid or a CoarseToFine, but got "
        f"{type(source).__name__}. For a storage, load the study first: "
        "optuna.load_study(study_name=..., storage=...)."
    )
