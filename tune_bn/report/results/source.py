"""Any search, whoever drove it, as plain records."""

from collections.abc import Mapping, Sequence
from typing import Any

from tune_bn.report.errors import ReportError
from tune_bn.report.results.from_table import results_of_table
from tune_bn.report.results.results import Results

__all__ = ["results_of"]


def results_of(
    source: Any,
    *,
    metric: str | None = None,
    mode: str | None = None,
    params: Sequence[str] | None = None,
    scales: Mapping[str, str] | None = None,
    time_attr: str | None = None,
) -> Results:
    """Returns a search as plain records.

    Args:
        source: An Optuna study, a Ray Tune ``ResultGrid`` or ``ExperimentAnalysis``, a
            `tune_bn.CoarseToFine`, a `tune_bn.ray.CoarseToFineSearch`, a table of runs (a data
            frame, columns by name as scikit-learn's ``cv_results_``, or a list of rows), or
            `Results` themselves.
        metric: Of a table or a Ray experiment: the column or result to rank by.
        mode: Likewise: ``"min"`` or ``"max"``.
        params: Of a table: the columns that are parameters; None to guess them.
        scales: Of a table: ``"linear"``, ``"log"``, ``"one-minus-log"`` or ``"choice"`` of a
            parameter, by name; the others are guessed.
        time_attr: Of a Ray experiment: the result that tells how far a trial trained. None is what
            the search was told, of another searcher the iterations; ``""`` is none: the value
            alone counts, as where a ``Stopper`` and no scheduler ended trials.

    Raises:
        ReportError: If it is something else, or the options do not fit it.
    """
    # The frameworks are recognised by name: importing one to ask would load it.
    homes = {kind.__module__.split(".")[0] for kind in type(source).__mro__}
    is_experiment = "ray" in homes and "tune_bn" not in homes
    of_both = {"metric": metric, "mode": mode}
    of_tables = {"params": params, "scales": scales}
    of_ray = {"time_attr": time_attr}
    is_table = _is_table(source)
    refused = {} if is_table or is_experiment else dict.fromkeys(of_both, "tables of runs")
    refused |= {} if is_table else dict.fromkeys(of_tables, "tables of runs")
    refused |= {} if is_experiment else dict.fromkeys(of_ray, "Ray experiments")
    options = {**of_both, **of_tables, **of_ray}
    given = [name for name in refused if options[name] is not None]
    if given:
        raise ReportError(
            f"{given[0]} is for {refused[given[0]]}, but got {type(source).__name__}. "
            f"Leave {' and '.join(given)} out."
        )
    if is_table:
        return results_of_table(source, metric=metric, mode=mode, params=params, scales=scales)
    if isinstance(source, Results):
        return source
    if "optuna" in homes and hasattr(source, "get_trials"):
        from tune_bn.report.results.from_optuna import results_of_study

        return results_of_study(source)
    if "tune_bn" in homes and "ray" in homes and hasattr(source, "trial_ids"):
        from tune_bn.report.results.from_ray import results_of_searcher

        return results_of_searcher(source)
    if is_experiment:
        from tune_bn.report.results.from_ray import results_of_grid

        return results_of_grid(source, metric=metric, mode=mode, time_attr=time_attr)
    if "tune_bn" in homes and hasattr(source, "stages"):
        from tune_bn.report.results.from_core import results_of_search

        return results_of_search(source)
    raise ReportError(
        "A report needs an Optuna study, a Ray Tune ResultGrid, a CoarseToFine or a table of runs, "
        f"but got {type(source).__name__}. For a storage, load the study first: "
        "optuna.load_study(study_name=..., storage=...)."
    )


def _is_table(source: Any) -> bool:
    """Returns whether something is a data frame, columns by name or rows, and no search."""
    if isinstance(source, Mapping):
        return True
    if isinstance(source, list):
        return bool(source) and all(isinstance(row, Mapping) for row in source)
    homes = {kind.__module__.split(".")[0] for kind in type(source).__mro__}
    return hasattr(source, "columns") and not homes & {"optuna", "ray", "tune_bn"}
