"""Every search has a page, odd ones and those whose names would act too."""

from pathlib import Path

import optuna
import pytest

from tests.report.chromium import check_in_chromium, console_messages
from tests.report.outline import Outline
from tests.report.searches import EVIL, SEARCHES, evil
from tune_bn import CoarseToFine, Float
from tune_bn.report import ReportError, write_report
from tune_bn.report.pages.page import page


def test_a_script_in_a_name_is_shown_not_run():
    """Names, choices, study and summary: every text is shown as it is, controls as escapes."""
    study = evil()
    text = page(study, summary={"data": {"name": EVIL}, EVIL: EVIL})
    seen = Outline(text)
    assert seen.tags.count("script") == Outline(page(study)).tags.count("script")
    assert "b" not in seen.tags
    assert f"Tuning on {EVIL}" in seen.text
    assert EVIL not in text
    assert "\x1b" not in text
    assert "\\x1b[2J\\u202e" in seen.text


def test_outline_would_see_a_script():
    """The judge above can fail."""
    assert "script" in Outline(f"<p>{EVIL}</p>").tags


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_has_a_page(name: str):
    """An odd search is a page that says so, never an error."""
    seen = Outline(page(SEARCHES[name]()))
    assert "What next" in seen.text


def test_a_search_by_hand_has_a_page():
    """`CoarseToFine` is shown like a study."""
    search = CoarseToFine({"rate": Float(1e-4, 1, log=True)}, seed=0)
    for _ in range(30):
        trial = search.ask()
        search.tell(trial, trial.params["rate"])
    assert "fine 1" in Outline(page(search)).text


def test_two_objectives_have_a_front(two_objectives: optuna.Study):
    """Several objectives are shown by their front, each with its own name."""
    text = Outline(page(two_objectives)).text
    assert "Pareto front" in text
    assert "Best error by trial" in text


def test_no_search_is_refused_and_nothing_written(tmp_path: Path):
    """Something else than a search is refused with what was needed; no file appears."""
    with pytest.raises(ReportError, match=r"needs an Optuna study.*got str"):
        write_report("study.db", tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_page_survives_a_failure(tmp_path: Path):
    """A report that cannot be made leaves the old file as it was."""
    file = tmp_path / "report.html"
    file.write_text("old")
    with pytest.raises(ReportError):
        write_report(None, file)
    assert file.read_text() == "old"


@pytest.mark.heavy
def test_chromium_opens_a_search_with_stages(tmp_path: Path, staged: optuna.Study):
    """In a real browser every figure is drawn and the console stays empty."""
    check_in_chromium(tmp_path, staged, fewest=6)


@pytest.mark.heavy
def test_chromium_opens_two_objectives(tmp_path: Path, two_objectives: optuna.Study):
    """The same with a Pareto front."""
    check_in_chromium(tmp_path, two_objectives, fewest=8)


@pytest.mark.heavy
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fewest"),
    [
        ("nothing", 0),
        ("all_failed", 2),
        ("one_trial", 4),
        ("without_parameters", 3),
        ("odd_values", 5),
        ("running", 1),
        ("other_sampler", 5),
        ("evil", 5),
    ],
)
def test_chromium_opens_every_search(name: str, fewest: int, tmp_path: Path):
    """Also a page that says that there is nothing is a page without an error."""
    check_in_chromium(tmp_path, {**SEARCHES, "evil": evil}[name](), fewest=fewest)


@pytest.mark.heavy
@pytest.mark.slow
def test_ten_thousand_trials_are_a_small_page(tmp_path: Path):
    """Points are thinned, and that is said: the page can still be sent by mail."""
    search = CoarseToFine({f"x{i}": Float(-5, 5) for i in range(16)}, seed=0)
    for _ in range(10_000):
        trial = search.ask()
        search.tell(trial, sum(x * x for x in trial.params.values()))
    check_in_chromium(tmp_path, search, fewest=8)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "10,000 trials" in Outline(text).text


@pytest.mark.heavy
def test_chromium_would_report_an_error(tmp_path: Path):
    """The judge above can fail."""
    file = tmp_path / "bad.html"
    file.write_text("<script>undefinedFunction()</script>")
    messages, _ = console_messages(file)
    assert any("undefinedFunction" in message for message in messages)
