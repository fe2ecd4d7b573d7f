"""Whatever is wrong with what was asked ends in one line, exit code 2, and nothing lost."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tests.support.disks import small_disk
from tune_bn.cli import app
from tune_bn.tuning.folder.folder import open_folder


def tune(*words: object) -> Result:
    return CliRunner().invoke(app, ["tune", *map(str, words)])


def changed(words: list[object], *changes: object) -> list[object]:
    """Returns the words of a command with other values of some options, or with more options."""
    options = dict(zip(words[::2], words[1::2], strict=True))
    return [
        w
        for pair in (options | dict(zip(changes[::2], changes[1::2], strict=True))).items()
        for w in pair
    ]


def require_one_line(result: Result, *words: str) -> None:
    """Fails unless the command ended as bad input should."""
    assert result.exit_code == 2, (result.output, result.exception)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("tune-bn: "), result.stderr
    assert "Traceback" not in result.output
    for word in words:
        assert word in last


def files(folder: Path) -> dict[str, bytes]:
    """Returns the content of each file in a folder but the lock, which any run rewrites."""
    return {f.name: f.read_bytes() for f in sorted(folder.iterdir()) if f.name != ".lock"}


def good_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = np.arange(40) % 2
    return pd.DataFrame({"a": rng.normal(size=40) + 2.0 * kind, "b": 1.0 * np.arange(40)}).assign(
        kind=np.array(["no", "yes"])[kind]
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "table.csv"
    good_table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def earlier(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    out = tmp_path_factory.mktemp("runs") / "earlier"
    result = tune(*quick(table, out))
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def out(earlier: Path, tmp_path: Path) -> Path:
    """A copy of it, to go wrong in."""
    return Path(shutil.copytree(earlier, tmp_path / "out"))


def quick(data: object, out: object) -> list[object]:
    return ["--data", data, "--target", "kind", "--trials", 2, "--epochs", 1, "--out", out]


def test_the_judge_refuses_a_good_run(table, tmp_path):
    """The judge of this file can fail: on a run that ends well, and on a line without the word."""
    bad, good = tune(*changed(quick(table, tmp_path), "--trials", 0)), tune("--help")
    require_one_line(bad, "trials")
    with pytest.raises(AssertionError):
        require_one_line(good)
    with pytest.raises(AssertionError):
        require_one_line(bad, "no such word")


@pytest.mark.parametrize(
    ("text", "words"),
    [('a,b,kind\n1,2,"no\n3,4,yes,5,6\n', ["pars"]), ("a,b,kinds\n1,2,no\n", ["'kind'", "kinds"])],
)
def test_a_table_that_cannot_be_used(tmp_path, text, words):
    """The line says what is wrong with it, as `tests/training` asks; and no folder is made."""
    (tmp_path / "table.csv").write_text(text)
    result = tune(*quick(tmp_path / "table.csv", tmp_path / "runs" / "out"))
    require_one_line(result, *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--trials", 0),
        ("--timeout", 0),
        ("--metric", "r2"),
        ("--task", "clustering"),
        ("--device", "abacus"),
    ],
)
def test_an_option_outside_its_range(table, tmp_path, option, value):
    """The option and the value are in the line, and no folder is made."""
    result = tune(*changed(quick(table, tmp_path / "out"), option, value))
    require_one_line(result, option.strip("-"), str(value))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--seed", 1], ["other data", "another seed (0, not 1)"]),
        (["--epochs", 2], ["another number of epochs (1, not 2)"]),
        (["--metric", "loss"], ["another metric"]),
        (["--data", "digits", "--target", "target"], ["other data"]),
    ],
)
def test_a_folder_of_another_study(table, out, changes, words):
    """It is refused, and every file stays as it was."""
    before = files(out)
    result = tune(*changed(quick(table, out), *changes))
    require_one_line(result, *[word for word in words if "data" not in word or "--data" in changes])
    assert "--fresh" in result.stderr
    assert files(out) == before


def test_a_study_of_another_space(table, out, monkeypatch):
    """A newer version of the tool that searches other ranges does not mix them."""
    opening = "tune_bn.tuning.trials.opening"
    monkeypatch.setattr(f"{opening}.space_version", lambda rows: "another")
    monkeypatch.setattr(f"{opening}.earlier_versions", lambda rows: ("a", "b"))
    before = files(out)
    require_one_line(tune(*quick(table, out)), "another search space")
    assert files(out) == before


def test_resume_of_nothing(table, tmp_path):
    """Asked for by name, it needs a study."""
    require_one_line(tune(*quick(table, tmp_path / "out"), "--resume"), "--resume", "study.db")


def test_a_damaged_study(table, out):
    """It is neither used nor overwritten."""
    (out / "study.db").write_bytes(b"damaged" * 500)
    before = files(out)
    require_one_line(tune(*quick(table, out)), "--fresh")
    assert files(out) == before


def test_a_folder_in_use(table, out):
    """Another run's folder is left alone."""
    before = files(out)
    with open_folder(out):
        require_one_line(tune(*quick(table, out)), str(os.getpid()))
    assert files(out) == before


def test_a_folder_that_is_a_file(table, tmp_path):
    """It stays a file."""
    (tmp_path / "file").write_text("mine")
    require_one_line(tune(*quick(table, tmp_path / "file")), "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_read_only_folder(table):
    """One that not even root can write to."""
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc, which no one can write to")
    require_one_line(tune(*quick(table, "/proc/tune-bn")), "/proc/tune-bn")


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_disk_that_fills_up_at_the_end(table, out, monkeypatch, call):
    """Whichever file does not fit, the earlier results stay together, and no other file is left."""
    before = {name: content for name, content in files(out).items() if name != "study.db"}
    calls = iter(range(1, 99))

    def full(_descriptor: int) -> None:
        if next(calls) == 2 * call - 1:  # each file is flushed, and then its folder
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tune_bn.plain.files.os.fsync", full)
    require_one_line(tune(*changed(quick(table, out), "--trials", 3)), "no space left on device")
    assert {name: content for name, content in files(out).items() if name != "study.db"} == before
    monkeypatch.undo()
    assert tune(*changed(quick(table, out), "--trials", 3)).exit_code == 0


def test_a_disk_that_is_really_full(table):
    """The study itself does not fit."""
    with small_disk("64k") as disk:
        require_one_line(tune(*quick(table, disk / "out")), "full")


def test_predict_without_a_model(table, tmp_path):
    """The line says where a model comes from."""
    result = CliRunner().invoke(
        app, ["predict", "--model", str(tmp_path / "model.pt"), "--data", str(table)]
    )
    require_one_line(result, "model.pt")


def test_predict_from_a_url(earlier, tmp_path):
    """It is called what it is, with both of its slashes."""
    words = ["predict", "--model", str(earlier / "model.pt"), "--out", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(app, [*words, "--data", "https://example.com/new.csv"])
    require_one_line(result, "'https://example.com/new.csv' is a URL. Download it")


def test_predict_with_a_column_missing(earlier, tmp_path):
    """The column is in the line, and nothing is written."""
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    good_table()[["a"]].to_csv(rows, index=False)
    words = ["predict", "--model", earlier / "model.pt", "--data", rows, "--out", out]
    require_one_line(CliRunner().invoke(app, [str(word) for word in words]), "'b'")
    assert not out.exists()


@pytest.mark.parametrize(
    "twice",
    [["--target", "a"], ["--target=kind"], ["--trials", 3], ["--resume", "--fresh"]],
)
def test_an_option_given_twice(table, tmp_path, twice):
    """By itself the first value is dropped: the first target would become an input."""
    result = tune(*quick(table, tmp_path / "out"), *twice)
    require_one_line(result, twice[0].split("=")[0], "given once")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("own", ["data", "model"])
def test_predictions_never_replace_what_they_come_from(earlier, tmp_path, own):
    """Neither the rows nor the model, whatever the path is called."""
    rows, model = tmp_path / "rows.csv", tmp_path / "model.pt"
    good_table().to_csv(rows, index=False)
    shutil.copyfile(earlier / "model.pt", model)
    before = files(tmp_path)
    (tmp_path / "sub").mkdir()
    out = tmp_path / "sub" / ".." / ("rows.csv" if own == "data" else "model.pt")
    words = ["predict", "--model", model, "--data", rows, "--out", out]
    require_one_line(CliRunner().invoke(app, [str(word) for word in words]), f"--{own}")
    (tmp_path / "sub").rmdir()
    assert files(tmp_path) == before


def test_predict_in_strict_mode(earlier, tmp_path):
    """What the model does not know is refused, and nothing is written."""
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    good_table().assign(id=1).to_csv(rows, index=False)
    words = ["predict", "--model", earlier / "model.pt", "--data", rows, "--out", out, "--strict"]
    require_one_line(CliRunner().invoke(app, [str(word) for word in words]), "'id'", "--strict")
    assert not out.exists()


def test_a_class_that_is_a_word_for_missing(tmp_path):
    """The line says which, and how to keep it."""
    table = good_table()
    table["kind"] = table["kind"].replace("no", "None")
    table.to_csv(tmp_path / "t.csv", index=False)
    require_one_line(
        tune(*quick(tmp_path / "t.csv", tmp_path / "out")), "'None' in 20", "--missing"
    )
    result = tune(*quick(tmp_path / "t.csv", tmp_path / "out"), "--missing", "")
    assert result.exit_code == 0, result.output
