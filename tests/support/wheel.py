"""What the wheel and the source distribution hold."""

import os
import tarfile
import zipfile
from pathlib import Path

from hatchling import build

__all__ = ["ROOT", "build_sdist", "build_wheel", "files_of"]

ROOT = Path(__file__).parents[2]


def build_wheel(source: Path, folder: Path) -> Path:
    """Builds the wheel of a source tree into a folder; returns its path."""
    return folder / _in(source, build.build_wheel, folder)


def build_sdist(source: Path, folder: Path) -> Path:
    """Builds the source distribution of a tree, unpacks it beside itself; returns its root."""
    archive = folder / _in(source, build.build_sdist, folder)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def files_of(wheel: Path) -> list[str]:
    """Returns the names of the files in a wheel, sorted, its version written as ``VERSION``."""
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if not name.endswith("/")]
    return sorted(name.replace(f"-{version}.dist-info", "-VERSION.dist-info") for name in names)


def _in(source: Path, build_one, folder: Path) -> str:  # hatchling builds the current folder
    before = Path.cwd()
    os.chdir(source)
    try:
        return str(build_one(str(folder)))
    finally:
        os.chdir(before)
