"""A headless Chromium that opens a file: what its console says, and the tree it ends with."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["console_messages"]

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,9000",
    "--virtual-time-budget=10000",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
)


def console_messages(file: Path) -> tuple[list[str], str]:
    """Return the lines that the page wrote to the console, and its elements at the end.

    Skips the test where there is no Chromium.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium, which is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        ended = subprocess.run(
            [browser, *_OPTIONS, f"--user-data-dir={profile}", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    return [line for line in ended.stderr.splitlines() if ":CONSOLE" in line], ended.stdout
