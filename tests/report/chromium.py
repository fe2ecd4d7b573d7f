"""A headless Chromium that opens a file: what its console says, and the tree it ends with."""

import json
import re
import shutil
import subprocess
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tune_bn.report import write_report

__all__ = ["axe_findings", "check_in_chromium", "console_messages", "page_height"]

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,9000",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
)


def check_in_chromium(folder: Path, source: Any, *, fewest: int) -> None:
    """Raises unless a browser opens the page without a word and draws its figures, all of them.

    Args:
        folder: Where the page may be written.
        source: What is shown.
        fewest: How many figures there are at least.
    """
    file = folder / "report.html"
    write_report(source, file)
    messages, tree = console_messages(file)
    assert messages == []
    n_figures = tree.count('role="img"')
    assert n_figures >= fewest
    assert tree.count('<svg class="wide"') == tree.count('<svg class="narrow"') == n_figures
    assert file.stat().st_size < 1_500_000


def console_messages(file: Path) -> tuple[list[str], str]:
    """Returns the lines that the page wrote to the console, and its elements at the end.

    Skips the test where there is no Chromium.
    """
    ended = _opened(file, "--virtual-time-budget=10000")
    return [line for line in ended.stderr.splitlines() if ":CONSOLE" in line], ended.stdout


def axe_findings(file: Path, axe: str) -> list[str]:
    """Returns what axe finds on a page with all that is folded open: rule, scheme, first element.

    Both in the light scheme and in the dark one, whose rules are made to apply.

    Skips the test where there is no Chromium.

    Args:
        file: The page.
        axe: The source of axe.
    """
    opened = file.with_name("opened.html")
    script = (
        "for (const one of document.querySelectorAll('details')) one.open = true;"
        "const style = document.querySelector('style'), found = [], passed = [];"
        "const look = (scheme) => axe.run().then((seen) => { passed.push(seen.passes.length);"
        "for (const v of seen.violations) found.push(`${v.id}: ${scheme}: ${v.nodes[0].html}`) });"
        "const darken = () => { style.textContent = style.textContent.replaceAll("
        "'(prefers-color-scheme: dark)', 'all') };"
        "look('light').then(() => { darken(); return look('dark') }).then(() => {"
        "document.body.dataset.axe = JSON.stringify([Math.min(...passed), ...found]) })"
    )
    text, end = file.read_text(encoding="utf-8"), "</body>"
    added = f"<script>{axe}</script><script>{script}</script>{end}"
    opened.write_text(text.replace(end, added), encoding="utf-8")
    tree = _opened(opened, "--virtual-time-budget=30000").stdout
    passed, *violations = json.loads(unescape(re.findall(' data-axe="([^"]*)"', tree)[-1]))
    assert passed > 10, "axe looked at hardly anything"
    return [str(one) for one in violations]


def page_height(file: Path, *, width: int) -> float:
    """Returns how high a page is in a window of this width, in pixels.

    Skips the test where there is no Chromium.
    """
    measured = file.with_name("measured.html")
    script = "document.body.dataset.high = document.body.getBoundingClientRect().height"
    text = file.read_text(encoding="utf-8")
    measured.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    ended = _opened(measured, "--virtual-time-budget=2000", f"--window-size={width},900")
    return float(ended.stdout.partition('data-high="')[2].partition('"')[0])


def _opened(file: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium, which is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [browser, *_OPTIONS, *options, f"--user-data-dir={profile}", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
