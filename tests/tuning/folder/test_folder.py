import errno
from pathlib import Path

import pytest

from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.folder.folder import open_folder, replace_results, set_aside


def test_a_second_run_in_one_folder_is_refused(tmp_path):
    """Two writers of one study would each narrow around the other's trials."""
    with (
        open_folder(tmp_path / "out"),
        pytest.raises(TuneError, match=r"no other run is using, but process \d+ is writing"),
        open_folder(tmp_path / "out"),
    ):
        pass


def test_a_folder_is_free_again_after_a_run(tmp_path):
    """The lock ends with the run; the file that is left means nothing."""
    with open_folder(tmp_path):
        pass
    with open_folder(tmp_path) as folder:
        assert folder == tmp_path


def test_a_folder_below_a_file_is_refused(tmp_path):
    """It cannot be made, whoever asks: root, too."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            TuneError, match=r"--out needs a folder that can be written.*not a directory"
        ),
        open_folder(tmp_path / "file" / "out"),
    ):
        pass


def test_a_read_only_file_system_is_refused():
    """Even where permissions are not asked for."""
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc, which no one can write to")
    with (
        pytest.raises(TuneError, match="--out needs a folder that can be written"),
        open_folder("/proc/tune-bn"),
    ):
        pass


def test_set_aside_keeps_earlier_files(tmp_path):
    """Starting over moves, and a second time does not overwrite the first."""
    for content in ("one", "two"):
        (tmp_path / "best.json").write_text(content)
        assert set_aside(tmp_path) is not None
    assert not (tmp_path / "best.json").exists()
    assert (tmp_path / "earlier-1" / "best.json").read_text() == "one"
    assert (tmp_path / "earlier-2" / "best.json").read_text() == "two"


def test_set_aside_makes_nothing_of_nothing(tmp_path):
    """An empty folder stays empty."""
    assert set_aside(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_results_are_replaced_together(tmp_path):
    """The new files take the names of the old ones, and nothing else is left."""
    (tmp_path / "best.json").write_text("old")
    with replace_results(tmp_path) as staging:
        (staging / "best.json").write_text("new")
        (staging / "model.pt").write_text("new")
        assert (tmp_path / "best.json").read_text() == "old"
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == {
        "best.json": "new",
        "model.pt": "new",
    }


def test_a_failure_leaves_every_old_result(tmp_path):
    """No model of one run beside the scores of another."""
    (tmp_path / "best.json").write_text("old")

    def fill_the_disk() -> None:
        with replace_results(tmp_path) as staging:
            (staging / "best.json").write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fill_the_disk()
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == {"best.json": "old"}
