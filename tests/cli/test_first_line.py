"""What is loaded when a command says its first line, or refuses: nothing that takes seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tune_bn
from tune_bn.cli.tune import _note_jobs

ROOT = Path(tune_bn.__file__).parent.parent
SLOW = {"torch", "optuna", "sklearn", "scipy", "plotly", "ray", "sqlalchemy"}

# Everything that can be wrong with a command before anything is trained, and a word of the line.
TUNE = {
    "--data nowhere.csv": "nowhere.csv",
    "--data .": "is a folder",
    "--data table.xlsx": "xlsx",
    "--data empty.csv": "0 bytes",
    "--data head.csv --target kind": "no row",
    "--data semicolons.csv --target kid": "Did you mean 'kind'?",
    "--data table.csv": "as target: 'a'",
    "--data table.csv --target kid": "Did you mean 'kind'?",
    "--data table.parquet --target kid": "Did you mean 'kind'?",
    "--data table.npz --target z": "'y'",
    "--data digits --target kind": "'target'",
    "--data table.csv --target kind --category town": "'town'",
    "--data table.csv --target kind --group town": "'town'",
    "--data table.csv --target kind --weights town": "'town'",
    "--data table.csv --target kind --split time --time town": "'town'",
    "--data table.csv --target kind --split when": "'when'",
    "--data table.csv --target kind --time a": "--split time",
    "--data table.csv --target kind --task sorting": "'sorting'",
    "--data table.csv --target kind --task regression": "'kind'",
    "--data table.csv --target kind --metric auc": "roc_auc",
    "--data table.csv --target kind --metric rmse": "'rmse'",
    "--data table.csv --target kind --task classification --metric r2": "'r2'",
    "--data table.csv --target kind --weights a": "above zero",
    "--data table.csv --target kind --trials 0": "trials",
    "--data table.csv --target kind --trials many": "--trials",
    "--data table.csv --target kind --epochs 0": "epochs",
    "--data table.csv --target kind --jobs 0": "jobs",
    "--data table.csv --target kind --seed -1": "seed",
    "--data table.csv --target kind --timeout 0": "timeout",
    "--data table.csv --target kind --device gpu": "cuda",
    "--data table.csv --target kind --device cuda:x": "'cuda:x'",
    "--data table.csv --target kind --backend spark": "'spark'",
    "--data table.csv --target kind --scheduler asha": "--backend ray",
    "--data table.csv --target kind --backend ray --jobs 2": "--max-concurrent 2",
    "--data table.csv --target kind --backend ray --cpus-per-trial -1": "cpus_per_trial",
    "--data table.csv --target kind --backend ray --scheduler pbt": "asha",
    "--data table.csv --target kind --out table.csv/run": "is no folder",
    "--data table.csv --target kind --out new --resume": "study.db",
    "--data table.csv --target kind --trails 3": "--trials",
    "--target kind": "--data",
}
PREDICT = {
    "--model nowhere.pt --data table.csv": "nowhere.pt",
    "--model . --data table.csv": "is a folder",
    "--model model.pt --data nowhere.csv": "nowhere.csv",
    "--model model.pt --data digits": "to tune on only",
    "--model model.pt --data table.xlsx": "xlsx",
    "--model model.pt --data table.csv --keep town": "'town'",
    "--model model.pt --data table.csv --out table.csv": "--data",
    "--model model.pt --data table.csv --out .": "is a folder",
    "--model model.pt --data table.csv --out nowhere/out.csv": "no folder",
    "--model model.pt": "--data",
}
REPORT = {
    "": "exactly one",
    "--run nowhere": "nowhere",
    "--run . --text --json": "Give one",
    "--run . --figure page.png": ".svg",
    "--study s": "--storage",
    "--run . --metric loss": "--ray",
    "--storage nowhere.db": "nowhere.db",
    "nowhere.csv": "nowhere.csv",
    "table.csv --mode lowest": "min or max",
    "table.csv --scale log": "lr=log",
}
WATCH = {"": "exactly one", "--run nowhere": "--run needs", "--run . --every 0": "--every"}
WRONG = [
    (command, words, named)
    for command, cases in (
        ("tune", TUNE),
        ("predict", PREDICT),
        ("report", REPORT),
        ("watch", WATCH),
    )
    for words, named in cases.items()
]

# Run in one fresh interpreter: what one command loads, the next would be blamed for, so the first
# that loads too much is the one to look at.
ASK = """
import json, sys
from typer.testing import CliRunner
from tune_bn.cli import app
found = []
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, words)
    found.append((result.exit_code, result.stderr, sorted(sys.modules)))
print(json.dumps(found))
"""
LISTEN = """
import json, sys
class Ear:
    encoding = "utf-8"
    def write(self, text):
        print(text, json.dumps(sorted(sys.modules)), sep="\t")
        raise SystemExit
    def flush(self):
        pass
sys.stderr = Ear()
from tune_bn.__main__ import main
main()
"""


def fresh(code: str, *words: str, given: str = "", folder: Path) -> str:
    """Runs code in a fresh interpreter in a folder; returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        input=given,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that are right and files that are not."""
    place = tmp_path_factory.mktemp("first")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40), "b": range(40), "kind": ["no", "yes"] * 20})
    table.to_csv(place / "table.csv", index=False)
    table.to_csv(place / "table.xlsx", index=False)
    table.to_csv(place / "semicolons.csv", index=False, sep=";")
    table.head(0).to_csv(place / "head.csv", index=False)
    table.to_parquet(place / "table.parquet")
    np.savez(place / "table.npz", X=rng.normal(size=(40, 2)), y=np.arange(40) % 2)
    (place / "empty.csv").touch()
    (place / "model.pt").write_bytes(b"no model")
    return place


@pytest.mark.heavy
def test_whatever_is_wrong_is_said_before_anything_slow_is_loaded(folder):
    """Each in one line, with exit code 2, and nothing is written."""
    before = sorted(folder.iterdir())
    asked = json.dumps([[command, *words.split()] for command, words, _ in WRONG])
    answers = json.loads(fresh(ASK, given=asked, folder=folder))
    wrong = []
    for (command, words, named), (code, said, loaded) in zip(WRONG, answers, strict=True):
        # A fifth of a second, without which no part of the report can be imported.
        slow = (SLOW - {"plotly"} if command in ("report", "watch") else SLOW) & set(loaded)
        is_one_line = said.splitlines()[-1].startswith(("tune-bn: ", "Error: "))
        if code != 2 or named not in said or not is_one_line or slow:
            wrong.append((command, words, code, said, slow))
    assert wrong == []
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("jobs", [1, 2, 99])
def test_more_jobs_than_cores_are_noted(jobs, monkeypatch, capsys):
    """Each is a process with torch in it, and none makes the others faster."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    _note_jobs(jobs)
    noted = "note: 99 jobs share 2 cores" in capsys.readouterr().err
    assert noted == (jobs == 99)


@pytest.mark.parametrize(("jobs", "rows"), [(1, 20_000), (1, 19_999), (2, 20_000)])
def test_cores_that_a_large_table_could_use_are_noted(jobs, rows, monkeypatch, capsys):
    """Of a small table a run is soon over."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    _note_jobs(jobs, rows)
    assert ("--jobs 2" in capsys.readouterr().err) == ((jobs, rows) == (1, 20_000))


@pytest.mark.heavy
@pytest.mark.parametrize(
    "words",
    [
        "--data digits",
        "--data table.csv --target kind",
        "--data table.parquet --target b",
        "--data table.npz",
    ],
)
def test_the_first_line_comes_before_anything_slow_is_loaded(folder, words):
    """What the table is, as soon as it is read."""
    said = fresh(LISTEN, "tune", *words.split(), folder=folder)
    assert "rows (" in said
    loaded = set(json.loads(said.rpartition("\t")[2]))
    assert not SLOW & loaded
    assert "pandas" in loaded  # the ear hears what is loaded
