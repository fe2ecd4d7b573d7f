"""A PostgreSQL that asks for a password: a wrong one and the right one, and who gets to see it."""

import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import optuna
import pytest
import sqlalchemy
from typer.testing import CliRunner

from tests.support.postgres import Server, find_binaries, running_server
from tune_bn.cli import app
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.report.errors import ReportError
from tune_bn.report.results.storages import open_study

RIGHT, WRONG = "p@ss/w:rd%41 ünsafe", "wr@ng/0ne:%42 x"
STUDY = "s"


def objective(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with one study of twelve trials, which only the right password opens."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_server(binaries, RIGHT) as server:
        study = optuna.create_study(
            storage=server.url, study_name=STUDY, sampler=CoarseToFineSampler(seed=0)
        )
        study.optimize(objective, n_trials=12)
        yield server


def addresses(server: Server, password: str) -> list[str]:
    """Returns the ways to put a password into an address."""
    plain = server.url_with(None)
    query = plain.replace("tester@", "") + f"?user=tester&password={quote(password, safe='')}"
    return [server.url_with(password), query]


def require_secret(text: str) -> None:
    """Fails if the text holds one of the passwords, however it is written."""
    for password in (RIGHT, WRONG):
        for form in (
            password,
            quote(password, safe=""),
            quote(password),
            quote_plus(password),
            repr(password)[1:-1],
            ascii(password)[1:-1],
        ):
            assert form not in text
            assert form.encode("unicode_escape").decode() not in text


@pytest.mark.parametrize("form", [RIGHT, quote(RIGHT, safe=""), ascii(RIGHT), quote_plus(WRONG)])
def test_the_judge_knows_a_password(form):
    """The judge above can fail."""
    with pytest.raises(AssertionError):
        require_secret(f"could not connect as tester:{form}@127.0.0.1")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs ``tune-bn``, everything that logs at its most talkative."""
    code = (
        "import logging, runpy, sys; logging.basicConfig(level=logging.DEBUG); "
        "logging.getLogger('sqlalchemy').setLevel(logging.DEBUG); "
        "sys.argv[0] = 'tune-bn'; runpy.run_module('tune_bn', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["report", "--text"], 0),
        (["report", "--out", "page.html"], 1),
        (["watch", "--timeout", "0"], 1),
    ],
)
def test_a_wrong_password_on_the_command_line(server, words, place, tmp_path):
    """One line that says what is wrong and what to do; exit code 2; nothing is written."""
    words = [str(tmp_path / word) if word.endswith(".html") else word for word in words]
    done = run(*words, "--storage", addresses(server, WRONG)[place])
    require_secret(done.stdout + done.stderr)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("tune-bn")]
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    assert "password authentication failed" in lines[0]
    assert "Check the user, the password" in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_the_right_password_on_the_command_line(server, tmp_path):
    """Both run, and neither output, log nor page holds the password."""
    page = tmp_path / "page.html"
    for i, words in enumerate((["report", "--out", str(page)], ["watch", "--timeout", "0"])):
        done = run(*words, "--storage", addresses(server, RIGHT)[i])
        assert done.returncode == 0, done.stderr
        require_secret(done.stdout + done.stderr)
    require_secret(page.read_text(encoding="utf-8"))
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize("words", [["--storage", "{}"], ["--storage={}"], ["--out={}", "--nope"]])
def test_an_address_where_none_is_asked_for(server, words):
    """`tune-bn tune` has no storage of its own choice; it does not say back what it was given."""
    address = server.url_with(WRONG)
    words = ["tune", "--data", "digits", *(word.format(address) for word in words)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    require_secret(result.output)


@pytest.mark.parametrize("place", [0, 1], ids=["authority", "query"])
def test_a_wrong_password_or_study_from_python(server, place, caplog):
    """The message and all that Python may show of its causes."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ReportError, match="password authentication failed") as caught:
        open_study(addresses(server, WRONG)[place])
    require_secret("".join(traceback.format_exception(caught.value)))
    with pytest.raises(ReportError, match="a study that the storage holds") as caught:
        open_study(addresses(server, RIGHT)[place], "another")
    require_secret("".join(traceback.format_exception(caught.value)))
    require_secret(caplog.text)


def test_a_password_that_is_changed_during_a_search(server, caplog):
    """The worker ends with the storage's error; no error, log, object or record holds a secret."""
    caplog.set_level(logging.DEBUG)
    sampler = CoarseToFineSampler(seed=1)
    study = optuna.load_study(study_name=STUDY, storage=server.url, sampler=sampler)
    study.optimize(objective, n_trials=3)
    change(server, WRONG)
    try:
        with pytest.raises(optuna.exceptions.StorageInternalError) as caught:
            study.optimize(objective, n_trials=1)
    finally:
        execute(server.url_with(WRONG), f"ALTER ROLE tester PASSWORD '{RIGHT}'")
    require_secret("".join(traceback.format_exception(caught.value)))
    study.optimize(objective, n_trials=1)
    require_secret(caplog.text)
    require_secret(repr(vars(sampler)))
    for trial in study.trials:
        require_secret(repr(trial))
    require_secret(repr(stages(study)) + repr(study.user_attrs))


def change(server: Server, password: str) -> None:
    """Gives the user another password, and closes what the old one opened."""
    execute(
        server.url,
        f"ALTER ROLE tester PASSWORD '{password}'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )


def execute(url: str, *statements: str) -> None:
    """Execute statements as the server's owner."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()
