"""Names, values and files from elsewhere are shown as they are: they steer no terminal, no page."""

import io
import json
import re
from pathlib import Path

import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from tune_bn.cli import app
from tune_bn.cli.errors import end_in_one_line
from tune_bn.cli.progress import _Lines
from tune_bn.plain.text import visible
from tune_bn.report import Results
from tune_bn.report.errors import ReportError
from tune_bn.report.pages.page import page
from tune_bn.report.pages.terminal import text_report, watch_view
from tune_bn.report.results.source import results_of
from tune_bn.tuning.folder.folder import open_folder
from tune_bn.tuning.folder.tally import Ended, Progress

NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp[red]<script>alert(1)</script>{{7*7}}'\"&\r"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def require_harmless(text: str) -> None:
    """Fails if a text holds what a terminal would act on."""
    found = UNSAFE.search(text)
    assert found is None, repr(text[max(found.start() - 20, 0) : found.end() + 20])


def test_the_judge_can_fail():
    """It sees each of the signs in the name that these tests use."""
    for sign in ("\x1b", "\x07", "\x9b", "\u202e", "\r"):
        with pytest.raises(AssertionError):
            require_harmless(f"a{sign}b")


@given(st.text())
def test_visible_text_is_harmless_and_stays_so(text: str):
    """Nothing that acts is left, it can be written as UTF-8, and doing it twice changes nothing."""
    shown = visible(text)
    require_harmless(shown)
    shown.encode()
    assert visible(shown) == shown


def test_ordinary_text_stays_as_it_is():
    """Letters of any language, signs and new lines are no danger."""
    text = "Köln\n日本\t[red] <b> 🙂 é שלום"
    assert visible(text) == text


@pytest.fixture(scope="module")
def results() -> Results:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name=NASTY)
    study.set_metric_names([NASTY])
    for i in range(12):
        trial = study.ask()
        value = trial.suggest_float(f"x{NASTY}", 0, 1)
        trial.suggest_categorical(NASTY, [NASTY, "b"])
        trial.set_user_attr("tune_bn:reason", NASTY)
        if i == 3:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)
    return results_of(study)


SUMMARY = {
    "data": {"name": NASTY, "notes": [NASTY]},
    NASTY: {NASTY: NASTY},
    "versions": {NASTY: NASTY},
    "baselines": {NASTY: {NASTY: 0.5}},
    "best": {"trial": 1, "test": {NASTY: 0.5}},
    "lone": "\ud800",
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_text_report_and_watch(results: Results):
    """Also where a name is markup of the library that prints: it is shown, not obeyed."""
    from datetime import datetime

    for shown in (text_report(results, SUMMARY), watch_view(results, datetime.now(), every_s=2)):
        out = io.StringIO()
        Console(file=out, width=200, highlight=False).print(shown)
        require_harmless(out.getvalue())
        assert "[red]" in out.getvalue()
        out.getvalue().encode()


def test_the_page(results: Results):
    """No tag and no control code of a name is in it; its own policy fetches nothing."""
    html = page(results, summary=SUMMARY)
    html.encode()
    own = html[html.index("</style>") : html.rindex("<footer>")]  # without plotly's code
    assert "<script>alert" not in own
    assert "&lt;script&gt;" in own
    require_harmless(own)
    assert "default-src 'none'" in html


def test_an_error_of_a_command(capsys: pytest.CaptureFixture[str]):
    """Whatever the message repeats."""
    with pytest.raises(Exception), end_in_one_line():  # noqa: B017, PT011 - typer's own exit
        raise ReportError(f"needs {NASTY}, but got \ud800.")
    shown = capsys.readouterr().err
    require_harmless(shown.rstrip("\n"))
    assert "[red]" in shown


def test_the_lines_of_progress():
    """The reason of a failed trial may come from a study that another process writes."""
    out = io.StringIO()
    ended = Ended(0, "failed", None, NASTY)
    at = Progress(doing="search", finished=1, trials=2, elapsed_s=1.0, ended=ended)
    _Lines("accuracy", Console(file=out, width=300, highlight=False))(at)
    require_harmless(out.getvalue())
    assert "[red]" in out.getvalue()


def test_a_table_with_such_names(tmp_path: Path):
    """Its columns, in the error that lists them, and its categories, in the one that shows them."""
    rows = pd.DataFrame({NASTY: range(30), "k": ["a"] * 30, "y": [NASTY, *["b"] * 29]})
    path = tmp_path / "table.csv"
    rows.to_csv(path, index=False)
    for target in ("nowhere", "y"):
        words = ["tune", "--data", str(path), "--target", target, "--out", str(tmp_path / "o")]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        require_harmless(result.stderr)


def test_the_holder_of_a_folder(tmp_path: Path):
    """The file beside the lock holds a process number, or it is not shown."""
    with open_folder(tmp_path):
        (tmp_path / ".lock-holder").write_text(NASTY)
        result = CliRunner().invoke(app, ["tune", "--data", "digits", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "process unknown" in result.stderr
    require_harmless(result.stderr.replace("\r", "").split("tune-bn:")[-1].rstrip("\n"))


def test_a_damaged_best_json_with_such_a_name(tmp_path: Path):
    """`tune-bn report` on a folder of another: one harmless line."""
    folder = tmp_path / "run\x1b[2J"
    folder.mkdir()
    (folder / "best.json").write_text(json.dumps(NASTY))
    result = CliRunner().invoke(app, ["report", "--run", str(folder), "--text"])
    assert result.exit_code == 2
    require_harmless(result.stderr.rstrip("\n"))
