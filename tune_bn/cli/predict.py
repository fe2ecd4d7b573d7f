"""`tune-bn predict`: a tuned model on new rows."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from tune_bn.cli.errors import InputError, end_in_one_line
from tune_bn.cli.signals import end_on_signals
from tune_bn.plain.files import replacing
from tune_bn.plain.text import error_line, visible

if TYPE_CHECKING:
    import pandas as pd

    from tune_bn.training.unlike import RowNote
    from tune_bn.tuning import TunedModel

__all__ = ["predict"]

_ROWS_AT_ONCE = 50_000


def predict(
    model: Annotated[Path, typer.Option(help="The model.pt of a run.", show_default=False)],
    data: Annotated[
        str, typer.Option(help="A table with the same columns; the target may be absent.")
    ],
    out: Annotated[Path, typer.Option(help="Where to write the predictions, as CSV.")] = Path(
        "predictions.csv"
    ),
    keep: Annotated[
        str | None, typer.Option(help="Columns to copy, as in id,name; * for all.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option(help="Write the probability of each class, too.")
    ] = True,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse unknown categories, far numbers, extra columns."),
    ] = False,
) -> None:
    """Predict the rows of a table with a tuned model; for classes with their probabilities."""
    with end_in_one_line(), end_on_signals():
        from tune_bn.training.tables import column_names, local_file, read_rows_in_parts

        if not model.is_file():
            what = "is a folder" if model.is_dir() else "is not there"
            raise InputError(
                f"--model needs a file that a run wrote, but {str(model)!r} {what}. Give the "
                "model.pt of a run's folder."
            )
        file_of_rows = local_file(data)
        if data == "digits" and not file_of_rows.exists():
            raise InputError(
                "--data needs a file of rows to predict, but 'digits' is a table to tune on only. "
                "Name a file."
            )
        for path, option in ((file_of_rows, "--data"), (model, "--model")):
            if out.exists() and path.exists() and out.samefile(path):
                raise InputError(
                    f"--out needs a file of its own, but {str(out)!r} is that of {option}. "
                    "Choose another."
                )
        _require_writable(out)
        names = column_names(file_of_rows)
        if names is not None:
            _kept(names, keep)
        # All else is known: what takes long to load comes last.
        from tune_bn.training.model_file import load_model, require_known
        from tune_bn.training.unlike import add_notes

        tuned = load_model(model)
        done = 0
        said: list[str] = []
        notes: tuple[RowNote, ...] = ()
        with _replacing(out) as file:
            for rows in read_rows_in_parts(file_of_rows, said, rows=_ROWS_AT_ONCE):
                if done == 0:
                    for line in said:
                        print(visible(f"note: {line}"), file=sys.stderr)
                    _note_extra(tuned, rows, keep, strict=strict)
                else:
                    print(f"{done:,} rows predicted …", file=sys.stderr)
                predicted, unlike = _predicted(tuned, rows, keep, probabilities)
                predicted.to_csv(file, index=False, header=done == 0, mode="wb")
                done += len(rows)
                notes = add_notes(notes, unlike, rows=done)
            if strict:
                require_known(notes)
        for note in notes:
            print(visible(f"note: {note}; {note.consequence}"), file=sys.stderr)
        print(visible(f"{done} predictions written to {out}"))


def _kept(columns: Iterable[object], keep: str | None) -> list[str]:
    """Returns the columns to copy; a name with a comma in it is meant where it is a column."""
    names = [str(name) for name in columns]
    if keep is None:
        return []
    if keep == "*":
        return names
    asked = [keep] if keep in names else [name.strip() for name in keep.split(",")]
    for name in asked:
        if name not in names:
            shown = ", ".join(names[:8])
            raise InputError(
                f"--keep needs columns of the table, but there is no {name!r} among {shown}"
                f"{', …' if len(names) > 8 else ''}. Correct its spelling, or leave it out."
            )
    return asked


def _extra(tuned: "TunedModel", rows: "pd.DataFrame") -> list[str]:
    known = {column.name for column in tuned.preprocessing.columns}
    return [name for name in rows.columns if name not in {*known, tuned.preprocessing.target.name}]


def _note_extra(
    tuned: "TunedModel", rows: "pd.DataFrame", keep: str | None, *, strict: bool
) -> None:
    kept = _kept(rows.columns, keep)
    extra = [str(name) for name in _extra(tuned, rows) if name not in kept]
    if not extra:
        return
    some = ", ".join(repr(name) for name in extra[:5]) + (" …" if len(extra) > 5 else "")
    if strict:
        raise InputError(
            f"--strict needs the columns that the model knows, but the table has {some} more. "
            "Remove them, or leave out --strict."
        )
    print(visible(f"note: not used, as the model does not know them: {some}"), file=sys.stderr)


def _predicted(
    tuned: "TunedModel",
    rows: "pd.DataFrame",
    keep: str | None,
    probabilities: bool,
) -> "tuple[pd.DataFrame, tuple[RowNote, ...]]":
    """Returns what is written of some rows, and what of them is unlike the training rows."""
    import pandas as pd

    target = tuned.preprocessing.target.name
    needed = rows.drop(columns=[target, *_extra(tuned, rows)], errors="ignore")
    answers = tuned.answer(needed)
    columns = {name: rows[name].to_numpy() for name in _kept(rows.columns, keep)}
    own = "prediction"
    while own in columns:
        own = f"{own} of {target}"
    columns[own] = answers.predictions
    if answers.probabilities is not None and probabilities:
        for place, label in enumerate(tuned.classes or ()):
            columns[f"probability of {label}"] = answers.probabilities[:, place]
    return pd.DataFrame(columns), answers.notes


@contextmanager
def _replacing(out: Path) -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of `out` at the end; on an error nothing is replaced."""
    try:
        with replacing(out) as file:
            yield file
    except OSError as error:
        raise _unwritable(out, error_line(error)) from error


def _require_writable(out: Path) -> None:
    """Refuses a place where no file can be written, before the work that would be lost."""
    folder = out.absolute().parent
    for is_so, why in (
        (out.is_dir(), "is a folder"),
        (not folder.is_dir(), f"would lie in {str(folder)!r}, which is no folder"),
        (not os.access(folder, os.W_OK | os.X_OK), "may not be written"),
    ):
        if is_so:
            raise _unwritable(out, f"it {why}")


def _unwritable(out: Path, why: str) -> InputError:
    return InputError(
        f"--out needs a file that can be written, but {str(out)!r} cannot ({why}). Choose another."
    )
