"""What a reader sees of a search is in the words of `docs/words.md`: page, text, watch, figures."""

from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import optuna
import pytest
from rich.console import Console

from tests.report.outline import Outline
from tests.support.words import misused
from tune_bn.report import advise, explain, results_of, write_comparison, write_report
from tune_bn.report.pages.terminal import text_report, watch_view


def printed(shown: Any) -> str:
    """Returns what a terminal shows."""
    console = Console(file=StringIO(), width=120)
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture(params=["staged", "two_objectives"])
def study(request) -> optuna.Study:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, optuna.Study)
    return found


def test_the_page_uses_the_words(study: optuna.Study, tmp_path: Path):
    """Its text, and what its figures say when they are pointed at."""
    summary = {"best": {"trial": 3, "test": {"r2": 0.5}}, "search": {"pruned": 2}}
    write_report(study, tmp_path / "page.html", summary=summary)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    body = text.partition("<body>")[2].partition("<script>")[0]
    assert len(Outline(body).text) > 5000
    assert misused(body.replace("</", " </")) == []


def test_the_terminal_uses_the_words(study: optuna.Study):
    """The report as text, a running study, advice, and why each trial was tried."""
    results = results_of(study)
    texts = [
        printed(text_report(results)),
        printed(watch_view(results, datetime(2026, 1, 1), every_s=2.0)),
        *(advice.text + advice.evidence for advice in advise(results)),
        *(explain(results, trial.number) for trial in results.trials),
    ]
    assert [wrong for text in texts for wrong in misused(text)] == []


def test_the_comparison_uses_the_words(staged: optuna.Study, tmp_path: Path):
    """Its text and its figures."""
    write_comparison({"one": staged, "two": staged}, tmp_path / "page.html")
    body = (tmp_path / "page.html").read_text(encoding="utf-8").partition("<body>")[2]
    assert misused(body.partition("<script>")[0]) == []
