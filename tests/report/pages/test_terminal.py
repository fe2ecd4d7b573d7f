"""The commands and what they print; bad input ends in one line, and nothing is written."""

import io
import re
import shutil
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import optuna
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.support.postgres import free_port
from tune_bn.cli import app
from tune_bn.report import ReportError, explain, results_of
from tune_bn.report.pages.terminal import text_report, watch_view
from tune_bn.report.results.storages import open_run, open_study, read_study


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory, staged: optuna.Study) -> Path:
    """An SQLite file with the study "staged" and a second one."""
    file = tmp_path_factory.mktemp("storage") / "study.db"
    optuna.copy_study(
        from_study_name="staged",
        from_storage=staged._storage,
        to_storage=f"sqlite:///{file}",
    )
    optuna.create_study(study_name="other", storage=f"sqlite:///{file}")
    return file


def printed(renderable: object, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_text_report_answers(staged: optuna.Study):
    """The text holds the answers, the stages and the best configuration."""
    text = printed(text_report(results_of(staged)))
    for part in ("What was found", "coarse", "fine 1", "learning_rate ="):
        assert part in text


def test_text_report_tells_how_narrow_and_why(staged: optuna.Study):
    """Stages say how narrow a draw usually was, and the best trial why it was tried."""
    text = printed(text_report(results_of(staged)), width=2000)
    assert re.search(r"Usual width +– +\d+%", text)
    best = results_of(staged).best
    assert best is not None
    assert explain(staged, best.number) in text


def test_report_explains_a_trial(storage: Path, tmp_path: Path, monkeypatch):
    """With --trial it prints why that one was tried, and writes no file."""
    monkeypatch.chdir(tmp_path)
    places = ("--storage", storage, "--study", "staged")
    code, said = run("report", *places, "--trial", "37")
    assert code == 0, said
    assert re.match(r"Trial 37, stage fine \d+, drawn .*learning_rate", said)
    code, said = run("report", *places, "--trial", "60")
    assert (code, said.count("\n")) == (2, 1)
    assert "0 to 59, but got 60" in said
    assert list(tmp_path.iterdir()) == []


def test_text_report_reads_no_markup():
    """A name in square brackets is shown as it is."""
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("[red]x[/red]", 0, 1), n_trials=3)
    assert "[red]x[/red]" in printed(text_report(results_of(study)))


def test_watch_view_shows_a_running_trial():
    """A running trial is shown with how far it is."""
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    trial = study.ask()
    trial.report(0.25, 7)
    text = printed(watch_view(results_of(study), datetime(2026, 1, 2, 3, 4, 5), every_s=2))
    assert "03:04:05" in text
    assert "0.25 at step 7" in text


def test_report_writes_a_page(storage: Path, tmp_path: Path):
    """The command writes one file, and says how much is in it."""
    out = tmp_path / "page.html"
    code, said = run(
        "report", "--storage", f"sqlite:///{storage}", "--study", "staged", "--out", out
    )
    assert code == 0, said
    assert "60 trials" in said
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_report_as_text_writes_no_file(storage: Path, tmp_path: Path, monkeypatch):
    """With --text it prints, and no file appears."""
    monkeypatch.chdir(tmp_path)
    code, said = run("report", "--storage", storage, "--study", "staged", "--text")
    assert code == 0, said
    assert "Best configuration" in said
    assert list(tmp_path.iterdir()) == []


def test_report_writes_a_figure(storage: Path, tmp_path: Path):
    """With --figure it writes one SVG file and no page."""
    out = tmp_path / "narrowing.svg"
    code, said = run("report", "--storage", storage, "--study", "staged", "--figure", out)
    assert code == 0, said
    assert out.read_text(encoding="utf-8").startswith("<svg")
    assert [p.name for p in tmp_path.iterdir()] == ["narrowing.svg"]


def test_control_characters_do_not_reach_the_terminal():
    """A name that would clear the screen is shown as its escape."""
    study = optuna.create_study(study_name="a\x1b[2J")
    study.optimize(lambda t: t.suggest_float("x\x1b[31m\x07", 0, 1), n_trials=3)
    now = datetime(2026, 1, 2)
    for view in (text_report(results_of(study)), watch_view(results_of(study), now, every_s=2)):
        text = printed(view, width=200)
        assert "\x1b" not in text
        assert "x\\x1b[31m\\x07" in text


def test_watch_looks_once(storage: Path):
    """With --timeout 0 the study is shown once."""
    code, said = run("watch", "--storage", storage, "--study", "staged", "--timeout", "0")
    assert code == 0, said
    assert "best: trial" in said


def test_unknown_study_names_the_nearest(storage: Path):
    """A misspelt study is refused with the nearest names."""
    code, said = run("report", "--storage", storage, "--study", "stagd")
    assert code == 2
    assert "'staged'" in said
    assert len(said.strip().splitlines()) == 1


def test_several_studies_need_a_name(storage: Path):
    """Without a name a storage of several studies says which there are."""
    with pytest.raises(ReportError, match=r"--study needs a name.*'other'"):
        open_study(str(storage))


def test_a_missing_file_is_not_made(tmp_path: Path):
    """A storage that is not there is refused, and none is made."""
    for address in (f"sqlite:///{tmp_path}/no.db", str(tmp_path / "no.db")):
        with pytest.raises(ReportError, match="file that exists"):
            open_study(address)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path):
    """A file of another kind is refused, and stays as it is."""
    file = tmp_path / "study.db"
    file.write_text("not a database, but longer than a header of one would be" * 10)
    with pytest.raises(ReportError, match="SQLite file that can be read"):
        open_study(str(file))
    assert file.read_text().startswith("not a database")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path):
    """Optuna would make its tables in any database; here it does not."""
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(ReportError, match="studies of Optuna"):
        open_study(str(file))
    assert file.read_bytes() == before


def test_a_locked_database_is_said_to_be_locked(storage: Path, monkeypatch):
    """A file that another process holds is refused as locked, after a short wait."""
    monkeypatch.setattr("tune_bn.report.results.storages._BUSY_S", 0.1)
    connection = sqlite3.connect(storage, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(ReportError, match="locked"):
            open_study(str(storage), "staged")
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_damaged_trials_are_said_to_be_damaged(storage: Path, tmp_path: Path):
    """A file whose records no longer make sense ends in one line, and no page is written."""
    file = tmp_path / "damaged.db"
    shutil.copy(storage, file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE trials SET datetime_start = '2j26-11-25 03:06:10'")
    connection.close()
    code, said = run("report", "--storage", file, "--study", "staged", "--out", tmp_path / "x.html")
    assert code == 2
    assert "'staged' is damaged" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "x.html").exists()


def test_a_study_that_is_deleted_meanwhile(storage: Path):
    """What was there a moment ago may be gone."""
    optuna.create_study(study_name="short", storage=f"sqlite:///{storage}")
    study = open_study(str(storage), "short")
    optuna.delete_study(study_name="short", storage=f"sqlite:///{storage}")
    with pytest.raises(ReportError, match="'short' is damaged, locked or gone"):
        read_study(study)


def test_a_password_is_not_printed():
    """An address that cannot be reached is named without its password."""
    with pytest.raises(ReportError, match=r"u:\*\*\*@") as caught:
        open_study("postgresql+psycopg2://u:secret@127.0.0.1:1/x", "a")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("file", ["journal.log", "s.journal", "optuna.jsonl", "trials"])
def test_a_journal_is_read(tmp_path: Path, file: str):
    """A journal file is a storage as well, whatever it is called."""
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / file))
    storage = optuna.storages.JournalStorage(backend)
    optuna.create_study(study_name="kept", storage=storage)
    assert open_study(str(tmp_path / file)).study_name == "kept"


@pytest.mark.parametrize("query", ["uri=true", "mode=ro&uri=true", "uri=true&timeout=3"])
def test_sqlites_own_form_of_an_address_is_read(storage: Path, query: str):
    """``file:`` with options, as SQLAlchemy takes it; one that is missing is not made."""
    name = optuna.get_all_study_names(f"sqlite:///{storage}")[0]
    assert open_study(f"sqlite:///file:{storage}?{query}", name).study_name == name
    with pytest.raises(ReportError, match="a file that exists"):
        open_study(f"sqlite:///file:{storage}x?{query}")
    assert not Path(f"{storage}x").exists()


def test_optunas_proxy_is_read():
    """By gRPC from another process; where nobody listens it is said, with what to check."""
    from optuna.storages._grpc.server import make_server  # what run_grpc_proxy_server blocks on

    server = make_server(optuna.storages.InMemoryStorage(), "127.0.0.1", port := free_port())
    server.start()
    try:
        with pytest.warns(optuna.exceptions.ExperimentalWarning):
            proxy = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=port)
        optuna.create_study(study_name="far", storage=proxy)
        assert open_study(f"grpc://127.0.0.1:{port}").study_name == "far"
    finally:
        server.stop(None)


def test_who_does_not_answer_is_named(monkeypatch):
    """A proxy that is not there, and a package that is not: one line with the remedy."""
    monkeypatch.setattr("tune_bn.report.results.storages._BUSY_S", 0.2)
    with pytest.raises(ReportError, match="nothing answers.*that the server runs"):
        open_study("grpc://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ReportError, match="pip install redis"):
        open_study("redis://127.0.0.1:1")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"epochs": 3}',
        '{"epochs": [{"epoch": 1}]}',
        '{"layers": {"bn": {"mean": [1.0]}}}',
        '{"layers": {"bn": {"running_mean": [1], "running_var": [1], "mean": [1], "var": ["x"]}}}',
        '{"true": [1.0], "predicted": []}',
        '{"true": ["x"], "predicted": ["a"], "classes": ["a"]}',
        '{"true": ["x"], "predicted": ["a"]}',
        '{"else": 1}',
    ],
)
def test_a_damaged_network_is_refused(tmp_path: Path, content: str):
    """What a page could not show ends in one line that says what to do."""
    optuna.create_study(study_name="tune_bn", storage=f"sqlite:///{tmp_path}/study.db")
    (tmp_path / "network.json").write_text(content)
    code, said = run("report", "--run", tmp_path)
    assert code == 2
    assert "network.json" in said
    assert len(said.strip().splitlines()) == 1


def test_a_run_without_scores_yet(tmp_path: Path):
    """A folder whose search still runs has a study and no scores."""
    optuna.create_study(study_name="tune_bn", storage=f"sqlite:///{tmp_path}/study.db")
    study, summary = open_run(tmp_path)
    assert (study.study_name, summary) == ("tune_bn", {})


def test_scores_that_no_float_holds(tmp_path: Path):
    """An integer of 400 digits among the scores is infinite, and the report says who is best."""
    optuna.create_study(study_name="tune_bn", storage=f"sqlite:///{tmp_path}/study.db")
    scores = '{"default network": {"r2": 0.5}, "chosen network": {"r2": 0.25}, "mean": {"r2": 7%s}}'
    summary = f'{{"metric": "r2", "maximize": true, "scores": {scores % ("0" * 400)}}}'
    (tmp_path / "best.json").write_text(summary)
    code, said = run("report", "--run", tmp_path, "--text")
    assert code == 0
    assert "default network did better" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report",), "Give exactly one"),
        (("report", "--storage", "a", "--ray", "b"), "Give exactly one"),
        (("report", "--study", "a", "--run", "b"), "--study needs --storage"),
        (("report", "--run", "b", "--metric", "m"), "need --ray"),
        (("report", "--run", "nowhere"), "has no study.db"),
        (("report", "--storage", "://"), "--storage needs"),
        (("report", "--run", "b", "--figure", "x.png"), "ends in .svg"),
        (("report", "--run", "b", "--figure", "x.svg", "--text"), "--figure and --text"),
        (("report", "--run", "b", "--figure", "x.svg", "--trial", "3"), "Give one"),
        (("watch",), "Give exactly one"),
        (("watch", "--storage", "x", "--every", "0"), "--every > 0"),
    ],
)
def test_bad_options_end_in_one_line(arguments: tuple[str, ...], said: str):
    """What cannot be is said in one line, with exit code 2."""
    code, output = run(*arguments)
    assert code == 2
    assert said in output
    assert len(output.strip().splitlines()) == 1


def test_an_output_that_cannot_be_written(storage: Path, tmp_path: Path):
    """A folder that is not there is refused in one line."""
    code, said = run(
        "report", "--storage", storage, "--study", "other", "--out", tmp_path / "no" / "x.html"
    )
    assert code == 2
    assert "--out needs" in said
