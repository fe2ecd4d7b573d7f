"""`tune-bn predict`: a tuned model on new rows."""

import io
from pathlib import Path
from typing import Annotated

import typer

from tune_bn.cli.errors import end_in_one_line
from tune_bn.core.visible import visible

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Option(help="The model.pt of a run.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="A table with the same columns; the target may be absent.")
    ],
    out: Annotated[Path, typer.Option(help="Where to write the predictions, as CSV.")] = Path(
        "predictions.csv"
    ),
) -> None:
    """Predict the rows of a table with a tuned model; for classes with their probabilities."""
    with end_in_one_line():
        import pandas as pd

        from tune_bn.cli.errors import InputError
        from tune_bn.core.files import write_atomically
        from tune_bn.training.tables import read_table
        from tune_bn.tuning.result import load_model

        if not model.exists():
            raise InputError(
                f"--model needs a file that a run wrote, but there is none at {str(model)!r}. "
                "Give the model.pt of a run's folder."
            )
        tuned = load_model(model)
        rows, _ = read_table(data)
        rows = rows.drop(columns=[tuned.preprocessing.target.name], errors="ignore")
        predicted = pd.DataFrame({"prediction": tuned.predict(rows)})
        if tuned.classes is not None:
            odds = tuned.predict_proba(rows)
            for place, label in enumerate(tuned.classes):
                predicted[f"probability of {label}"] = odds[:, place]
        text = io.StringIO()
        predicted.to_csv(text, index=False)
        try:
            write_atomically(out, text.getvalue())
        except OSError as error:
            raise InputError(
                f"--out needs a file that can be written, but {str(out)!r} cannot "
                f"({(error.strerror or str(error)).lower()}). Choose another."
            ) from error
        print(visible(f"{len(predicted)} predictions written to {out}"))
