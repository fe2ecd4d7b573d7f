"""Rows of a benchmark: where they were measured, and the JSON lines file that keeps them."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Callable, Hashable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "Row", "environment", "keep", "latest", "rows_of", "write_rows"]

Row = dict[str, Any]

RESULTS = Path(__file__).parent / "results"

_PACKAGES = ("tune-bn", "torch", "numpy", "scikit-learn")


def environment(packages: Iterable[str] = _PACKAGES) -> dict[str, Any]:
    """Returns date, machine, loads and versions, which every row carries.

    Args:
        packages: Distributions whose versions matter to what was measured.
    """
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def write_rows(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Appends rows to a JSON lines file, one line a row; the folder is made if missing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, sort_keys=False) + "\n" for row in rows)


def keep(out: Path, row: Row) -> Row:
    """Appends a row to a file, prints it, but for its versions, and returns it."""
    write_rows(out, [row])
    print(json.dumps({k: v for k, v in row.items() if k != "versions"}), flush=True)
    return row


def rows_of(name: str) -> list[Row]:
    """Returns the rows of a file of results, none if there is no such file."""
    file = RESULTS / f"{name}.jsonl"
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def latest(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[Row]:
    """Returns the last row of every case, in the order in which the cases first came."""
    found: dict[Hashable, Row] = {}
    for row in rows:
        found[key(row)] = row
    return list(found.values())


def _processor() -> str:
    """Returns the processor's model; the platform module knows only its family on Linux."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in fields.items()}
        return f"{named.get('model name', platform.machine())} (model {named.get('model', '?')})"
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
