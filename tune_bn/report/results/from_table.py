"""A table of runs as plain records: of W&B, MLflow, scikit-learn, hyperopt, a spreadsheet.

Rows become trials and columns parameters. A table does not say which of its columns are which, nor
between what its values were drawn: that is guessed, said in the results' notes, and corrected by
options. Nothing of pandas is needed to read CSV.
"""

import csv
import difflib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tune_bn.core.space import Parameter
from tune_bn.plain.reading import is_number
from tune_bn.plain.text import error_line
from tune_bn.report.errors import ReportError
from tune_bn.report.results.results import Results, State, TrialResult
from tune_bn.report.results.seen import SCALES, seen_parameter
from tune_bn.report.results.wording import label, window_text

__all__ = ["SUFFIXES", "read_columns", "results_of_table"]

SUFFIXES = (".csv", ".tsv", ".json", ".parquet")
_PREFIXES = ("params_", "param_", "params.", "config/", "config.", "hparams/", "hyperparameters.")
_STATES = ("state", "status")
_SECONDS = ("runtime", "time_total_s", "seconds", "duration_s", "duration", "mean_fit_time")
_NAMES = ("name", "run_name", "run", "run_id", "trial_id", "id")
_RECORDS = {
    "number", "trial", "trial_id", "run", "run_id", "id", "name", "index", "", "unnamed: 0", "seed",
    "datetime_start", "datetime_complete", "created", "user", "tags", "notes", "params", "sweep",
    "hostname", "host", "timestamp", "date", "start_time", "end_time", "experiment_id", "group",
    "artifact_uri", "step", "epoch", *_STATES, *_SECONDS,
}  # fmt: skip
_RESULTS = (
    "metrics.", "metric_", "mean_", "std_", "rank_", "split", "tags.", "user_attrs_", "value",
    "system_attrs_", "summary.", "_",
)  # fmt: skip
_RESULT_WORDS = (
    "loss", "acc", "score", "auc", "f1", "error", "rmse", "mae", "mse", "r2", "precision", "recall",
    "time", "duration",
)  # fmt: skip
_ENDED: dict[str, State] = {
    "pruned": "pruned",
    "stopped": "pruned",
    "fail": "failed",
    "failed": "failed",
    "crashed": "failed",
    "killed": "failed",
    "error": "failed",
    "running": "running",
    "waiting": "running",
    "pending": "running",
}
_MOST_CHOICES = 30  # of texts: more are names, not choices


def read_columns(file: str | Path) -> dict[str, list[Any]]:
    """Returns the columns of a table of runs; empty cells are None.

    CSV (also with tabs or semicolons), JSON (a list of rows, or columns by name) and Parquet.

    Raises:
        ReportError: If the file cannot be read as a table.
    """
    path = Path(file)
    try:
        if path.suffix.lower() == ".json":
            return columns_of(json.loads(path.read_text(encoding="utf-8")))
        if path.suffix.lower() == ".parquet":
            import pandas as pd

            return columns_of(pd.read_parquet(path))
        with path.open(encoding="utf-8-sig", newline="") as lines:
            head = lines.readline()
            lines.seek(0)
            delimiter = max(",\t;", key=head.count)
            rows = list(csv.reader(lines, delimiter=delimiter))
    except ReportError:
        raise
    except (OSError, ValueError, csv.Error, RecursionError, ImportError) as error:
        raise ReportError(
            f"A report needs a table that can be read, but {str(file)!r} cannot "
            f"({error_line(error)})."
        ) from error
    if len(rows) < 2:
        raise ReportError(
            f"A report needs a table with a head and rows, but {str(file)!r} has none."
        )
    names = rows[0]
    if len(set(names)) < len(names):
        ((twice, _),) = Counter(names).most_common(1)
        raise ReportError(
            f"A report needs columns of different names, but {str(file)!r} has {twice!r} twice."
        )
    cells = [[_cell(text) for text in row] for row in rows[1:] if any(row)]
    return {
        name: [row[i] if i < len(row) else None for row in cells] for i, name in enumerate(names)
    }


def _cell(text: str) -> Any:
    """Returns what a cell of a CSV file holds: a number where it is one, a truth, or text."""
    bare = text.strip()
    if bare.lower() in ("", "nan", "none", "null", "na", "n/a"):
        return None
    if "_" not in bare:  # which Python reads within numbers, and nobody else
        for kind in (int, float):
            try:
                return _sized(kind(bare))
            except ValueError:
                continue
    return {"true": True, "false": False}.get(bare.lower(), bare)


def _sized(value: Any) -> Any:
    """Returns a number; an integer beyond 64 bits as a float, or as text beyond that."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        try:
            return float(value)
        except OverflowError:
            return str(value)
    return value


def columns_of(table: Any) -> dict[str, list[Any]]:
    """Returns the columns of a data frame, a mapping of columns or a list of rows, as plain lists.

    Raises:
        ReportError: If it is no table.
    """
    if isinstance(table, Mapping) and all(_is_column(column) for column in table.values()):
        columns = {str(name): list(column) for name, column in table.items()}
    elif isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table):
        names = dict.fromkeys(str(name) for row in table for name in row)
        columns = {name: [row.get(name) for row in table] for name in names}
    elif hasattr(table, "columns") and not isinstance(table, (Mapping, Sequence)):
        columns = {str(name): list(table[name]) for name in table.columns}  # pandas, polars, …
    else:
        raise ReportError(
            "A report needs a data frame, columns by name or a list of rows, but got "
            f"{type(table).__name__}."
        )
    if {len(column) for column in columns.values()} in (set(), {0}):
        raise ReportError("A report needs a table with columns and rows, but got an empty one.")
    if len({len(column) for column in columns.values()}) > 1:
        sizes = ", ".join(f"{name!r}: {len(column)}" for name, column in columns.items())
        raise ReportError(f"A report needs columns of one length, but got {sizes}.")
    return {name: [_plain(value) for value in column] for name, column in columns.items()}


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping))


def _plain(value: Any) -> Any:
    """Returns a cell without numpy or pandas; None where it is missing."""
    if type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"):
        return None
    if hasattr(value, "total_seconds"):
        value = value.total_seconds()
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else _sized(value)


def results_of_table(
    table: Any,
    *,
    metric: str | None = None,
    mode: str | None = None,
    params: Sequence[str] | None = None,
    scales: Mapping[str, str] | None = None,
    name: str = "runs",
) -> Results:
    """Returns a table of runs as plain records: a trial for each row, in their order.

    Args:
        table: A data frame, columns by name (scikit-learn's ``cv_results_``), a list of rows.
        metric: The column to rank by.
        mode: ``"min"`` or ``"max"``.
        params: The columns that are parameters; None to guess them, which the notes say.
        scales: ``"linear"``, ``"log"``, ``"one-minus-log"`` or ``"choice"`` of a parameter, by
            name; those that are not named are guessed.
        name: What to call the search.

    Raises:
        ReportError: If it is no table, or the options do not fit it.
    """
    columns, scales = columns_of(table), dict(scales or {})
    numeric = [n for n, column in columns.items() if any(map(is_number, column))]
    if metric is None or metric not in columns:
        raise ReportError(_no_such_column("metric", metric, numeric))
    if metric not in numeric:
        raise ReportError(f"metric needs a column of numbers, but {metric!r} holds none.")
    if mode not in ("min", "max"):
        raise ReportError(f"A table of runs needs mode, min or max, but got {mode!r}.")
    for one in params or ():
        if one not in columns:
            raise ReportError(_no_such_column("params", one, list(columns)))
    for one, scale in scales.items():
        if scale not in SCALES:
            raise ReportError(
                f"A scale needs one of {', '.join(SCALES)}, but got {scale!r} for {one!r}."
            )
    names, left_out = _parameters(columns, metric) if params is None else (_bare(params), {})
    for one in scales:
        if one in columns and one not in names and params is None:
            names[one] = one  # whoever says on which scale a column lies takes it for a parameter
            left_out.pop(one, None)
        if one not in names:
            raise ReportError(_no_such_column("scale", one, list(names)))
    space: dict[str, Parameter] = {}
    for shown, column in names.items():
        values = [v for v in columns[column] if v is not None]
        found = seen_parameter(values, scales.get(shown)) if values else None
        if found is None:
            left_out[column] = "the same in all rows"
        else:
            space[shown] = found
    states, seconds = _column(columns, _STATES), _column(columns, _SECONDS)
    trials = tuple(
        _trial(
            i,
            {n: columns[names[n]][i] for n in space if columns[names[n]][i] is not None},
            columns[metric][i],
            None if states is None else states[i],
            None if seconds is None else seconds[i],
        )
        for i in range(len(columns[metric]))
    )
    results = Results(
        name=name,
        source="Table",
        trials=trials,
        space=space,
        directions=("minimize" if mode == "min" else "maximize",),
        objectives=(metric.removeprefix("metrics."),),
        is_space_known=False,
        notes=_notes(space, left_out, is_guessed=params is None),
    )
    return replace(results, remarks=_remarks(results, columns))


def _remarks(results: Results, columns: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Returns where in the table the best trial is found again: trials have no names."""
    if results.best is None:
        return ()
    called = {name.lower(): name for name in columns}
    column = next((called[name] for name in _NAMES if name in called), None)
    value = None if column is None else columns[column][results.best.number]
    known = "" if value is None else f"; its {column} is {label(str(value))}"
    return (f"That is its row in the table, counted from 0{known}.",)


def _bare(columns: Sequence[str]) -> dict[str, str]:
    """Returns the columns by the names of their parameters."""
    found: dict[str, str] = {}
    for column in columns:
        start = next((p for p in _PREFIXES if column.startswith(p)), "")
        shown = column.removeprefix(start)
        found[shown if shown and shown not in found else column] = column
    return found


def _parameters(
    columns: Mapping[str, Sequence[Any]], metric: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the columns that look like parameters, and why the others do not."""
    marked = [n for n in columns if n.startswith(_PREFIXES) and n != metric]
    if marked:
        return _bare(marked), {}
    names, left_out = [], {}
    for name, column in columns.items():
        low = name.lower()
        values = [v for v in column if v is not None]
        if name == metric:
            continue
        if low in _RECORDS:
            left_out[name] = "a record of the run"
        elif low.startswith(_RESULTS) or any(word in low for word in _RESULT_WORDS):
            left_out[name] = "another result"
        elif not values:
            left_out[name] = "empty"
        elif not all(map(is_number, values)) and len(set(map(repr, values))) > _MOST_CHOICES:
            left_out[name] = f"more than {_MOST_CHOICES} texts"
        else:
            names.append(name)
    return {name: name for name in names}, left_out


def _column(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Sequence[Any] | None:
    by_name = {name.lower(): column for name, column in columns.items()}
    return next((by_name[name] for name in names if name in by_name), None)


def _trial(
    number: int, params: dict[str, Any], value: Any, ended: Any, seconds: Any
) -> TrialResult:
    # "TrialState.PRUNED" and "PRUNED" are one.
    state: State = _ENDED.get(str(ended).rpartition(".")[2].lower(), "complete")
    has_value = is_number(value)
    if state == "complete" and not has_value:
        state = "failed"
    return TrialResult(
        number=number,
        params=params,
        values=(float(value),) if has_value and state in ("complete", "pruned") else (),
        state=state,
        seconds=float(seconds) if is_number(seconds) else None,
        reason="no value" if state == "failed" and not has_value else "",
    )


def _notes(
    space: Mapping[str, Parameter], left_out: Mapping[str, str], *, is_guessed: bool
) -> tuple[str, ...]:
    """Returns how the table was read, and how to correct it."""
    kinds = []
    for name, parameter in space.items():
        is_choice = parameter.is_unordered
        ends = "" if is_choice else f", {window_text(parameter.bounds, is_choice=False)}"
        kinds.append(f"{label(name)} ({'choice' if is_choice else parameter.scale}{ends})")
    which = "Taken for parameters" if is_guessed else "Parameters"
    notes = [
        f"{which}: {'; '.join(kinds) or 'none'}. Scales are guessed from the values where they are "
        "not named, and ranges are those of the values. To correct it: --params a,b and "
        "--scale a=log, or params= and scales=."
    ]
    if left_out:
        listed = "; ".join(f"{label(name)} ({why})" for name, why in left_out.items())
        notes.append(f"Left out: {listed}.")
    return tuple(notes)


def _no_such_column(what: str, got: str | None, known: Sequence[str]) -> str:
    if got is None:
        return f"A table of runs needs {what}, the column to rank by: one of {_some(known)}."
    near = difflib.get_close_matches(got, known, n=5, cutoff=0.4) or known
    return f"{what} needs a column of the table, but got {got!r}. Nearest: {_some(near)}."


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown}, …" if len(names) > 8 else shown or "none"
