"""An NPZ file of `X` and `y` → a table; nothing pickled is read."""

from __future__ import annotations

import lzma
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shortened
from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import (
    PARSER_ERRORS,
    parse_errors,
    require_proportion,
)

__all__ = ["NPZ_TARGET", "read_npz"]

NPZ_TARGET = "y"
"""Name of the target column of a table read from an NPZ file."""
_NPZ_PROPORTION = 100


def read_npz(path: Path, *, needs_target: bool) -> pd.DataFrame:
    """Returns the columns x0, x1, … of `X`, and `y` if there is one.

    Raises:
        DataError: The file holds no such arrays, other types, or would need far more memory than
            its size lets one expect.
    """
    with (
        parse_errors(
            path, "an NPZ", zipfile.BadZipFile, zlib.error, lzma.LZMAError, *PARSER_ERRORS
        ),
        path.open("rb") as file,
    ):
        if not zipfile.is_zipfile(file):
            raise zipfile.BadZipFile("it is no zip archive, or cut short")
        with zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            features = next((name for name in ("X", "x") if name in names), None)
            if features is None or (needs_target and "y" not in names):
                found = " ".join(", ".join(names).split()) or "none"
                raise DataError(
                    f"Data needs arrays named X (or x) and y, but {path.name!r} holds: "
                    f"{shortened(found)}. Save it with numpy.savez(path, X=..., y=...)."
                )
            x = _plain_array(archive, features, path)
            has_target = "y" in names
            y = _plain_array(archive, "y", path) if has_target else np.zeros(len(x))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.ndim != 2:
        raise DataError(
            f"Data needs {features!r} of shape (rows, columns), but it has shape {x.shape} in "
            f"{path.name!r}. Reshape it with {features}.reshape(len({features}), -1)."
        )
    if y.ndim != 1 or len(y) != len(x):
        raise DataError(
            f"Data needs one target a row, but {path.name!r} holds {features!r} of shape "
            f"{x.shape} and y of shape {y.shape}. Give y the shape ({len(x)},)."
        )
    if len(x) == 0:  # of which it may have a billion columns
        raise DataError(
            f"Data needs rows, but {path.name!r} holds {features!r} of shape {x.shape}. "
            "Write the table again."
        )
    table = pd.DataFrame(x, columns=[f"x{place}" for place in range(x.shape[1])])
    return pd.concat([table, pd.Series(y, name=NPZ_TARGET)], axis=1) if has_target else table


def _plain_array(archive: zipfile.ZipFile, name: str, path: Path) -> npt.NDArray[Any]:
    """Returns one array of the archive, if it holds numbers, truth values or text."""
    needed = "Data needs arrays of numbers, truth values or text, but"
    member = next(m for m in reversed(archive.infolist()) if m.filename in (f"{name}.npy", name))
    if member.compress_type == zipfile.ZIP_LZMA:
        # It says itself how much memory its dictionary takes, up to 4 GB.
        raise DataError(
            f"Data needs an NPZ file as numpy writes it, but {name!r} in {path.name!r} is packed "
            "by LZMA. Save it with numpy.savez_compressed."
        )
    remedy = "If it really is so large, save it with numpy.savez, which does not compress."
    require_proportion(path, member.file_size, _NPZ_PROPORTION, remedy)
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        # The third version differs from the second in the names of fields alone.
        read = np.lib.format.read_array_header_2_0
        shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else read)(file)
        held = member.file_size - file.tell()
    if dtype.hasobject:
        raise DataError(
            f"{needed} {name!r} in {path.name!r} holds pickled objects, which could run code. "
            f"Save it with a plain type, as in {name}.astype(float) or {name}.astype(str)."
        )
    if dtype.kind not in "biufU" or dtype.itemsize == 0:
        raise DataError(
            f"{needed} {name!r} in {path.name!r} has dtype {shortened(str(dtype))}. "
            f"Convert it with {name}.astype({'str' if dtype.kind == 'S' else 'float'})."
        )
    # Before numpy, or a table's names, make room for what the header says.
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > held:
        raise ValueError(f"{name!r} should have the shape {shape}, but its data end before")
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    if dtype.kind == "U":
        _require_text(name, array, path)
    if dtype.kind == "f" and dtype.itemsize > 8:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite ones are refused later
            return array.astype(np.float64)
    return array.astype(dtype.newbyteorder("="), copy=False)  # pandas needs the machine's own


def _require_text(name: str, array: npt.NDArray[np.str_], path: Path) -> None:
    """Refuses numbers that stand for no sign, which numpy takes for text."""
    codes = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view(np.uint32)
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise DataError(
            f"Data needs text, but {name!r} in {path.name!r} holds signs that Unicode does not "
            "have. Write the file again."
        )
