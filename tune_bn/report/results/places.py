"""A search by the place where it is kept, whatever kind of place that is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tune_bn.plain.names import STUDY_FILE
from tune_bn.report.errors import ReportError
from tune_bn.report.results.from_table import SUFFIXES, read_columns, results_of_table
from tune_bn.report.results.results import Results
from tune_bn.report.results.storages import open_run, open_study, read_study

__all__ = ["names_of", "read_place"]


def read_place(
    place: str,
    *,
    study: str | None = None,
    metric: str | None = None,
    mode: str | None = None,
    params: Sequence[str] | None = None,
    scales: Mapping[str, str] | None = None,
    time_attr: str | None = None,
) -> tuple[Results, Mapping[str, Any]]:
    """Returns the search that a place holds, and what is known beside it.

    Args:
        place: A table of runs (CSV, TSV, JSON, Parquet), a folder that ``tune-bn tune`` or Ray
            Tune wrote, an SQLite file, a journal, or a storage's address.
        study: The study of a storage that holds several.
        metric: Of a table or a Ray experiment: the result to rank by.
        mode: Likewise: ``"min"`` or ``"max"``.
        params: Of a table: the columns that are parameters; None to guess them.
        scales: Of a table: the scale of a parameter, by name.
        time_attr: Of a Ray experiment: the result that tells how far a trial trained.

    Raises:
        ReportError: If it holds none, or the options do not fit it.
    """
    path = Path(place)
    is_folder = "://" not in place and path.is_dir()
    is_run = is_folder and (path / STUDY_FILE).is_file()
    if time_attr is not None and (not is_folder or is_run):
        raise ReportError(f"--time-attr is for Ray experiments, but got {place!r}.")
    if not is_folder and path.suffix.lower() in SUFFIXES:
        found = results_of_table(
            read_columns(path),
            metric=metric,
            mode=mode,
            params=params,
            scales=scales,
            name=path.stem,
        )
        return found, {}
    if params is not None or scales:
        raise ReportError(f"--params and --scale are for tables of runs, but got {place!r}.")
    if is_folder and not is_run:
        from tune_bn.report.results.from_ray import results_of_ray_folder

        found = results_of_ray_folder(path, metric=metric, mode=mode, time_attr=time_attr)
        return found, {}
    if metric is not None or mode is not None:
        raise ReportError(
            f"--metric and --mode are for tables of runs and Ray experiments, but got {place!r}."
        )
    if is_run:
        opened, summary = open_run(path)
        return read_study(opened), summary
    return read_study(open_study(place, study)), {}


def names_of(places: Sequence[str]) -> list[str]:
    """Returns a short name for each place, all different.

    Example:
        >>> names_of(["runs/a.db", "runs/b.db"]), names_of(["x/study.db", "y/study.db"])
        (['a', 'b'], ['x/study', 'y/study'])
    """
    paths = [Path(place).with_suffix("") for place in places]
    names: list[str] = []
    for n in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-n:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({i})" for i, name in enumerate(names, start=1)]
