"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from tune_bn.plain.files import write_atomically


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "Köln")
    write_atomically(str(tmp_path / "b"), b"\x00\xff")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "Köln"
    assert (tmp_path / "b").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a much longer old text")
    write_atomically(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_whatever_fails_keeps_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    """A full disk shows at the latest when the content is flushed; Ctrl-C comes at any time."""

    def fail(*_args: object) -> None:
        raise error

    (tmp_path / "a").write_text("old")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "a", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_atomically(tmp_path / "none" / "a", "new")


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_others_may_read_it_as_usual(tmp_path: Path) -> None:
    """Its permissions are those of any new file, unlike those of `tempfile`."""
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "a", "new")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode
