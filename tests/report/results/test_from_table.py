"""A table of runs is a search: rows are trials, columns parameters; what is guessed is said."""

import csv
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tune_bn.cli import app
from tune_bn.core.space import Categorical, Float, Int
from tune_bn.report import ReportError, Results, results_of, write_report
from tune_bn.report.results.from_table import read_columns, results_of_table
from tune_bn.report.results.places import names_of


def rows(n: int = 40) -> list[dict[str, Any]]:
    """Returns runs as a tracker exports them: names, states, parameters, results."""
    dice = random.Random(0)
    found = []
    for i in range(n):
        lr = 10 ** dice.uniform(-5, -1)
        found.append(
            {
                "Name": f"run-{i}",
                "State": "crashed" if i % 10 == 3 else "finished",
                "lr": lr,
                "layers": dice.randint(1, 4),
                "momentum": 1 - 10 ** dice.uniform(-3, -0.4),
                "optimizer": dice.choice(["adam", "sgd"]),
                "weight_decay": 0,
                "val_loss": None if i % 10 == 3 else (math.log10(lr) + 3) ** 2,
                "train_loss": 0.1,
                "Runtime": 12.5,
            }
        )
    return found


def columns() -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows()] for name in rows()[0]}


def write_csv(file: Path, delimiter: str = ",") -> Path:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows()[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows())
    return file


def read(table: Any, **options: Any) -> Results:
    return results_of(table, metric="val_loss", mode="min", **options)


def read_file(file: Path) -> Results:
    return results_of_table(read_columns(file), metric="loss", mode="min")


def test_rows_are_trials_and_columns_parameters():
    """Each row is a trial in its place; kinds and scales follow from the values."""
    results = read(columns())
    assert len(results.trials) == 40
    assert set(results.space) == {"lr", "layers", "momentum", "optimizer"}
    lr, momentum = results.space["lr"], results.space["momentum"]
    assert isinstance(lr, Float)
    assert lr.log
    assert isinstance(momentum, Float)
    assert momentum.one_minus_log
    assert isinstance(results.space["layers"], Int)
    assert isinstance(results.space["optimizer"], Categorical)
    assert results.trials[7].params["lr"] == rows()[7]["lr"]
    assert results.trials[7].seconds == 12.5


def test_states_are_read():
    """A run that crashed has failed, and has no value."""
    results = read(columns())
    failed = [t.number for t in results.trials if t.state == "failed"]
    assert failed == [3, 13, 23, 33]
    assert all(not results.trials[n].values for n in failed)


def test_what_was_guessed_is_said():
    """The notes name each parameter with its scale, and why the other columns were left out."""
    taken, left_out = read(columns()).notes
    for words in ("lr (log", "momentum (one-minus-log", "layers (linear", "optimizer (choice)"):
        assert words in taken
    for words in ("Name (a record", "train_loss (another result)", "weight_decay (the same"):
        assert words in left_out


def test_guesses_are_corrected():
    """Named columns are the parameters, on the scale that is named."""
    results = read(columns(), params=["lr", "layers"], scales={"lr": "linear", "layers": "choice"})
    assert list(results.space) == ["lr", "layers"]
    lr = results.space["lr"]
    assert isinstance(lr, Float)
    assert not lr.log
    assert isinstance(results.space["layers"], Categorical)


def test_a_scale_makes_a_parameter():
    """A column that was taken for something else is a parameter once its scale is named."""
    table = {**columns(), "time_limit": [float(i) for i in range(40)]}
    assert "time_limit" not in read(table).space
    assert "time_limit" in read(table, scales={"time_limit": "linear"}).space


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_the_same_table(tmp_path: Path, delimiter: str):
    """A file with commas, semicolons or tabs gives what the columns give."""
    results = results_of_table(
        read_columns(write_csv(tmp_path / "runs.csv", delimiter)), metric="val_loss", mode="min"
    )
    assert results.trials == read(columns()).trials


def test_json_and_rows_are_the_same_table(tmp_path: Path):
    """A list of rows, or columns by name, as data or as JSON."""
    file = tmp_path / "runs.json"
    for data in (rows(), columns()):
        file.write_text(json.dumps(data))
        assert read(read_columns(file)).trials == read(data).trials


def test_a_data_frame_is_a_table(tmp_path: Path, needs):
    """Of pandas: a page can be written about it, and its own missing values are gaps."""
    pd = needs("pandas")
    frame = pd.DataFrame(rows())
    assert read(frame).trials == read(columns()).trials
    write_report(frame, tmp_path / "report.html", metric="val_loss", mode="min")
    assert "Taken for parameters" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_cv_results_of_scikit_learn():
    """Of columns that begin with param_ these alone are parameters, without the prefix."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    grid = {"C": [0.01, 0.1, 1.0, 10.0], "fit_intercept": [True, False]}
    search = GridSearchCV(LogisticRegression(max_iter=500), grid, cv=2)
    search.fit(*load_iris(return_X_y=True))
    results = results_of(search.cv_results_, metric="mean_test_score", mode="max")
    assert set(results.space) == {"C", "fit_intercept"}
    best = results.best
    assert best is not None
    assert best.value == search.best_score_
    assert best.params == search.best_params_


def test_optunas_own_data_frame(needs):
    """Of `trials_dataframe` parameters, states and durations are found."""
    needs("pandas")
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=12)
    results = results_of(study.trials_dataframe(), metric="value", mode="min")
    assert list(results.space) == ["x"]
    assert [t.value for t in results.trials] == [t.value for t in study.trials]
    assert all(t.seconds is not None for t in results.trials)


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (columns(), {"mode": "min"}, "needs metric"),
        (columns(), {"metric": "valloss", "mode": "min"}, "'valloss'. Nearest: 'val_loss'"),
        (columns(), {"metric": "Name", "mode": "min"}, "holds none"),
        (columns(), {"metric": "val_loss"}, "needs mode, min or max"),
        (columns(), {"metric": "val_loss", "mode": "min", "params": ["rate"]}, "params needs"),
        (columns(), {"metric": "val_loss", "mode": "min", "scales": {"lr": "lg"}}, "one of linear"),
        (columns(), {"metric": "val_loss", "mode": "min", "scales": {"rate": "log"}}, "scale need"),
        ({"a": [-1.0, 2.0], "b": [1, 2]}, {"metric": "b", "mode": "min", "scales": {"a": "log"}},
         "values above 0"),
        ({"a": [1, 2], "b": [1]}, {"metric": "a", "mode": "min"}, "one length"),
        ({"a": [], "b": []}, {"metric": "a", "mode": "min"}, "empty one"),
        ({"a": 1}, {"metric": "a", "mode": "min"}, "got dict"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(table: Any, options: dict[str, Any], said: str):
    """The message says what was needed, what was got, and what there is."""
    with pytest.raises(ReportError, match=said):
        results_of(table, **options)


def test_odd_cells_are_values_or_gaps(tmp_path: Path):
    """Huge integers, infinities, gaps, underscores and lists do not end in an error."""
    file = tmp_path / "odd.csv"
    huge = "9" * 400
    file.write_text(f"a,b,c,loss\n1_000,inf,{huge},1\n2,3,4,inf\n,,x,-inf\n5,6,7,\n")
    results = read_file(file)
    assert [t.state for t in results.trials] == ["complete", "complete", "complete", "failed"]
    assert results.trials[0].params["a"] == "1_000"
    write_report(results, tmp_path / "report.html")
    file = tmp_path / "odd.json"
    file.write_text(json.dumps([{"a": [1], "loss": 10**400}, {"a": {"b": 2}, "loss": 2}]))
    results = read_file(file)
    assert [t.state for t in results.trials] == ["failed", "complete"]
    write_report(results, tmp_path / "report.html")


def test_a_table_of_values_alone_has_a_page(tmp_path: Path):
    """Without a parameter there are still the values."""
    results = results_of({"loss": [3.0, 2.0, 1.0]}, metric="loss", mode="min")
    assert results.space == {}
    write_report(results, tmp_path / "report.html")


def test_options_of_a_table_are_refused_for_a_search():
    """A study says itself what it ranks by."""
    import optuna

    with pytest.raises(ReportError, match="metric is for tables of runs"):
        results_of(optuna.create_study(), metric="x")


@pytest.mark.parametrize("content", ["", "a,b\n", "a,a\n1,2\n", "\x00\xff"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str):
    """One line says why, and nothing is written."""
    file = tmp_path / "runs.csv"
    file.write_text(content, encoding="latin-1")
    words = ["report", str(file), "--metric", "a", "--mode", "min", "--out", f"{tmp_path}/x.html"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["runs.csv"]


def test_the_command_reads_a_table(tmp_path: Path):
    """`tune-bn report runs.csv --metric val_loss --mode min` writes a page."""
    file, out = write_csv(tmp_path / "runs.csv"), tmp_path / "page.html"
    words = ["report", str(file), "--metric", "val_loss", "--mode", "min", "--scale", "lr=linear"]
    result = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert "lr (linear" in text
    assert "val_loss against each parameter" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("runs.csv", "--run", "x"), "Give exactly one"),
        (("--storage", "x", "--params", "a"), "need a table"),
        (("runs.csv", "--scale", "lr"), "as lr=log"),
        (("x.db", "--scale", "lr=log"), "for tables of runs"),
        (("x.db", "--metric", "m"), "for tables of runs and Ray"),
        (("x.db", "--time-attr", "epoch"), "for Ray experiments"),
        (("runs.csv", "--time-attr", "epoch"), "for Ray experiments"),
        (("--storage", "x", "--time-attr", "epoch"), "--time-attr needs --ray"),
    ],
)
def test_options_that_do_not_fit(words: tuple[str, ...], said: str):
    """What cannot be is said in one line."""
    result = CliRunner().invoke(app, ["report", *words])
    assert result.exit_code == 2
    assert said in result.output


def test_names_of_places_differ():
    """As short as they can be told apart, numbered where they cannot."""
    assert names_of(["a/x.csv", "b/x.csv"]) == ["a/x", "b/x"]
    assert names_of(["x.csv", "x.csv"]) == ["x (1)", "x (2)"]


def test_the_best_run_is_found_again():
    """A trial has a number, a run a name: the answer gives both, and says how rows count."""
    results = results_of(rows(), metric="val_loss", mode="min")
    assert results.best is not None
    name = f"run-{results.best.number}"
    (remark,) = results.remarks
    assert remark == f"That is its row in the table, counted from 0; its Name is {name}."
    nameless = results_of({"lr": [0.1, 0.2], "loss": [2.0, 1.0]}, metric="loss", mode="min")
    assert nameless.remarks == ("That is its row in the table, counted from 0.",)
