"""The command line from outside: whole runs on small tables, in this process."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import tune_bn
from tune_bn.cli import app
from tune_bn.training import Config
from tune_bn.tuning import load_model

FILES = ["best.json", "model.pt", "network.json", "report.html", "study.db"]


def command(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 60 rows: two classes, two inputs."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    table = pd.DataFrame(rng.normal(size=(60, 2)) + 3.0 * labels[:, None], columns=["a", "b"])
    table["kind"] = np.array(["no", "yes"])[labels]
    path = tmp_path_factory.mktemp("data") / "blobs.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file of 60 rows: a number to predict from a number, a text and missing values."""
    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, 60)
    town = rng.choice(["x", "y"], 60)
    price = 3.0 * size + 100.0 * (town == "x") + rng.normal(size=60)
    size[::7] = np.nan
    path = tmp_path_factory.mktemp("data") / "prices.parquet"
    pd.DataFrame({"size": size, "town": town, "price": price}).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def tuned(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A finished run of three trials: its folder and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "blobs"
    words = ["--data", blobs, "--target", "kind", "--trials", 3, "--epochs", 2, "--out", out]
    return out, command("tune", *words)


def test_report_writes_the_page_of_the_run_again(tuned, tmp_path):
    """Into the run's folder, the same but for the minute; elsewhere only where that is asked."""
    out, _ = tuned
    page = out / "report.html"
    first = page.read_text(encoding="utf-8")
    assert "Predictions on the test rows" in first
    page.unlink()
    assert command("report", "--run", out).exit_code == 0
    again = page.read_text(encoding="utf-8")
    written = re.compile(r"Written [^<]*")
    assert written.sub("", again) == written.sub("", first)


def test_report_as_json(tuned):
    """--json prints plain data: the answers, the trials, what was chosen; and writes nothing."""
    out, _ = tuned
    before = sorted(file.stat().st_mtime_ns for file in out.iterdir())
    data = json.loads(command("report", "--run", out, "--json").output)
    assert len(data["trials"]) == 3
    assert data["answers"].keys() >= {"What was searched", "What next"}
    assert data["summary"] == json.loads((out / "best.json").read_text())
    assert sorted(file.stat().st_mtime_ns for file in out.iterdir()) == before


def test_a_run_writes_its_files_and_nothing_else(tuned):
    """The folder holds the five files, and the lock that says who writes."""
    out, result = tuned
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == [".lock", *FILES]


def test_a_run_prints_stages_scores_and_paths(tuned):
    """What a person wants to know at the end, on stdout."""
    out, result = tuned
    for words in (
        "fine 1",
        "chosen network",
        "logistic regression",
        "default network",
        "best.json",
    ):
        assert words in result.stdout
    assert "learning_rate" in result.stdout
    assert str(out.name) in result.stdout


def test_a_run_that_is_no_terminal_tells_each_trial_on_a_line(tuned):
    """On stderr, so that the result can be piped."""
    _, result = tuned
    for number in (1, 2, 3):
        assert f"{number}/3 trials · " in result.stderr
    assert "1/3 trials" not in result.stdout


def test_the_scores_that_are_written_are_the_models(tuned, blobs):
    """The test score in best.json is the one in the model file, and both are of its weights."""
    out, _ = tuned
    best = json.loads((out / "best.json").read_text())
    model = load_model(out / "model.pt")
    assert model.metrics["test"] == best["best"]["test"]
    assert model.config.to_dict() == best["best"]["params"]

    from tune_bn.training import evaluate, load_dataset

    data = load_dataset(blobs, target="kind")
    assert evaluate(model.model, data.test, data.task) == pytest.approx(best["best"]["test"])


def test_best_json_tells_where_it_comes_from(tuned):
    """Seed, versions, fingerprint of the data and the counts of the search."""
    best = json.loads((tuned[0] / "best.json").read_text())
    assert best["seed"] == 0
    assert best["tune_bn"] == tune_bn.__version__
    assert len(best["data"]["fingerprint"]) == 64
    assert best["search"]["trials"] == 3
    assert {"python", "torch", "optuna"} <= set(best["versions"])


def test_the_search_begins_with_the_default(tuned):
    """Trial 0 is the network as it is without tuning."""
    study = optuna.load_study(study_name="tune_bn", storage=f"sqlite:///{tuned[0]}/study.db")
    assert study.trials[0].params["learning_rate"] == Config.learning_rate


def test_the_same_command_gives_the_same_files_again(tuned, blobs, tmp_path):
    """Another folder, the same seed: the same parameters and scores."""
    words = ["--data", blobs, "--target", "kind", "--trials", 3, "--epochs", 2, "--out", tmp_path]
    assert command("tune", *words).exit_code == 0
    one, two = (json.loads((f / "best.json").read_text()) for f in (tuned[0], tmp_path))
    for volatile in ("written", "search"):
        del one[volatile], two[volatile]
    assert one == two


def test_more_trials_go_on_where_the_run_ended(tuned, blobs, tmp_path):
    """The finished ones are not run again; values of the first three stay."""
    out = tmp_path / "copy"
    shutil.copytree(tuned[0], out)
    words = ["--data", blobs, "--target", "kind", "--epochs", 2, "--out", out]
    result = command("tune", *words, "--trials", 4)
    assert result.exit_code == 0, result.output
    assert json.loads((out / "best.json").read_text())["search"]["trials_in_this_run"] == 1


def test_fresh_starts_over_and_keeps_what_was(tuned, blobs, tmp_path):
    """The earlier run is in a sub-folder, whole."""
    out = tmp_path / "copy"
    shutil.copytree(tuned[0], out)
    words = ["--data", blobs, "--target", "kind", "--epochs", 1, "--out", out]
    assert command("tune", *words, "--trials", 2, "--fresh").exit_code == 0
    assert sorted(file.name for file in (out / "earlier-1").iterdir()) == FILES
    assert json.loads((out / "best.json").read_text())["search"]["trials"] == 2


def test_one_trial_is_enough(blobs, tmp_path):
    """It is the default configuration; there is a model, a score and a report of it."""
    words = ["--data", blobs, "--target", "kind", "--epochs", 1, "--out", tmp_path]
    result = command("tune", *words, "--trials", 1)
    assert result.exit_code == 0, result.output
    assert "trial 0, the default configuration" in result.stdout


def test_a_number_is_tuned_for_as_well(prices, tmp_path):
    """A Parquet file with text and missing values, a metric to be small."""
    words = ["--data", prices, "--target", "price", "--trials", 3, "--epochs", 2]
    words += ["--metric", "mae", "--out", tmp_path]
    result = command("tune", *words)
    assert result.exit_code == 0, result.output
    best = json.loads((tmp_path / "best.json").read_text())
    assert {"r2", "rmse", "loss", "mae"} == set(best["best"]["test"])
    assert not best["maximize"]
    assert all(set(scores) == set(best["best"]["test"]) for scores in best["baselines"].values())
    assert "ridge regression" in best["baselines"]


def test_predict_writes_a_prediction_for_each_row(tuned, blobs, tmp_path):
    """With the probability of each class, and without needing the target column."""
    rows = tmp_path / "new.csv"
    pd.read_csv(blobs).drop(columns="kind").head(5).to_csv(rows, index=False)
    out = tmp_path / "predictions.csv"
    result = command("predict", "--model", tuned[0] / "model.pt", "--data", rows, "--out", out)
    assert result.exit_code == 0, result.output
    predicted = pd.read_csv(out)
    assert list(predicted.columns) == ["prediction", "probability of no", "probability of yes"]
    assert len(predicted) == 5
    assert set(predicted["prediction"]) <= {"no", "yes"}
    assert predicted.iloc[:, 1:].sum(axis=1).to_numpy() == pytest.approx(1.0)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a table with a column of codes, in which the code decides."""
    folder = tmp_path_factory.mktemp("towns")
    rng = np.random.default_rng(0)
    code = rng.choice(["01", "02", "2A"], 90)
    table = pd.DataFrame(
        {"code": code, "x": rng.normal(size=90), "y": np.where(code == "01", "a", "b")}
    )
    table.to_csv(folder / "t.csv", index=False)
    words = ["--data", folder / "t.csv", "--target", "y", "--trials", 1, "--epochs", 15]
    result = command("tune", *words, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out" / "model.pt"


def predicted(
    model: Path, folder: Path, rows: pd.DataFrame, *more: object
) -> tuple[pd.DataFrame, Result]:
    """Returns what is predicted of rows in a CSV file, as text, and what was said."""
    rows.to_csv(folder / "rows.csv", index=False)
    out = folder / "out.csv"
    words = ["--model", model, "--data", folder / "rows.csv", "--out", out, *more]
    result = command("predict", *words)
    assert result.exit_code == 0, result.output
    return pd.read_csv(out, dtype=str, keep_default_na=False), result


def test_predict_reads_codes_as_the_model_knows_them(towns, tmp_path):
    """In a file of digits alone, too."""
    found, _ = predicted(towns, tmp_path, pd.DataFrame({"code": ["01", "02"], "x": [0.0, 0.0]}))
    assert list(found["prediction"]) == ["a", "b"]


def test_predict_says_what_it_does_not_know(towns, tmp_path):
    """Values that are no category are counted and named, columns that are unknown are named."""
    rows = pd.DataFrame({"id": [7, 8], "code": ["01", "99"], "x": [0.0, 0.0], "more": 1})
    found, result = predicted(towns, tmp_path, rows, "--keep", "id", "--no-probabilities")
    assert found.columns.tolist() == ["id", "prediction"]
    assert found["id"].tolist() == ["7", "8"]
    assert "code: 1 of 2 values is not among the model's 3 categories ('99')" in result.stderr
    assert "not used, as the model does not know them: 'more'" in result.stderr


def test_predict_reads_npz_without_a_target(tmp_path):
    """As it is told in the help."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    np.savez(tmp_path / "t.npz", X=x, y=(x[:, 0] > 0).astype(int))
    np.savez(tmp_path / "new.npz", X=x[:5])
    words = ["--data", tmp_path / "t.npz", "--trials", 1, "--epochs", 1, "--out", tmp_path / "out"]
    assert command("tune", *words).exit_code == 0
    words = ["--model", tmp_path / "out" / "model.pt", "--data", tmp_path / "new.npz"]
    result = command("predict", *words, "--out", tmp_path / "p.csv")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "p.csv")) == 5


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predict_in_parts_is_as_in_one(towns, tmp_path, monkeypatch, suffix):
    """A file of any length is read a part at a time; the predictions are those of the whole."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"code": rng.choice(["01", "02", "2A", "x"], 95), "x": rng.normal(size=95)}
    )
    rows = tmp_path / f"rows.{suffix}"
    table.to_csv(rows, index=False) if suffix == "csv" else table.to_parquet(rows)
    texts = []
    for at_once in (1000, 10):
        module = sys.modules["tune_bn.cli.predict"]  # of the package, the command has this name
        monkeypatch.setattr(module, "_ROWS_AT_ONCE", at_once)
        words = ["--model", towns, "--data", rows, "--out", tmp_path / "p.csv"]
        result = command("predict", *words)
        assert result.exit_code == 0, result.output
        assert "of 95 values are not among the model's 3 categories ('x')" in result.stderr
        texts.append(pd.read_csv(tmp_path / "p.csv"))
    assert (texts[0]["prediction"] == texts[1]["prediction"]).all()
    assert texts[0].iloc[:, 1:].to_numpy() == pytest.approx(
        texts[1].iloc[:, 1:].to_numpy(), abs=1e-6
    )


def test_version():
    """One line, for bug reports."""
    assert command("--version").stdout == f"tune-bn {tune_bn.__version__}\n"


def test_weights_are_a_column(blobs, tmp_path):
    """It is no input: the rows to predict need not have it; another one is another study."""
    table = pd.read_csv(blobs)
    rows, out = tmp_path / "rows.csv", tmp_path / "run"
    table.assign(w=np.arange(60) + 1.0, v=np.arange(60) % 7 + 1).to_csv(rows, index=False)
    words = ["--data", rows, "--target", "kind", "--trials", 1, "--epochs", 1, "--out", out]
    found = command("tune", *words, "--weights", "w")
    assert found.exit_code == 0, found.stderr
    assert "3 inputs" in found.stderr  # a, b and v
    data = json.loads((out / "best.json").read_text())["data"]
    assert 1 < data["test_rows_by_weight"] < data["rows"]["test"]
    new = table.drop(columns="kind").assign(v=1)
    new.to_csv(tmp_path / "new.csv", index=False)
    model = ["--model", out / "model.pt", "--data", tmp_path / "new.csv"]
    assert command("predict", *model, "--out", tmp_path / "p.csv").exit_code == 0
    refused = command("tune", *words, "--weights", "v")
    assert refused.exit_code == 2
    assert "other data" in refused.stderr
