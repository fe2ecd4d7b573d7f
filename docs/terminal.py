"""Makes the README's picture of the terminal from what the command prints.

python docs/terminal.py runs/demo    # a folder that `make demo` wrote
"""

import os
import runpy
import subprocess
import sys
from pathlib import Path

__all__ = ["shortened"]

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs/assets/terminal.svg"
LEFT_OUT = ("Stages", "Chosen configuration", "Best configuration", "Advice")


def shortened(text: str) -> str:
    """Returns a report as text with its long sections as one line each: the heading and "…"."""
    lines: list[str] = []
    for part in text.split("\n\n"):
        is_left_out = part.startswith(LEFT_OUT)
        is_rest = part.startswith(" ") and lines[-1].endswith(" …")
        if is_left_out:
            lines.append(f"{part.splitlines()[0]} …")
        elif not is_rest:
            lines.append(part.rstrip())
    return "\n\n".join(lines)


def main(folder: str) -> None:
    """Prints a run's report and saves the picture."""
    command = [sys.executable, "-m", "tune_bn", "report", "--run", folder, "--text"]
    width = {"COLUMNS": "79", "NO_COLOR": "1"}
    printed = subprocess.run(
        command, env={**os.environ, **width}, check=True, capture_output=True, text=True
    ).stdout
    make = runpy.run_path(str(ROOT / "examples/thumbnails/make.py"))
    lines = "\n".join(line.rstrip() for line in shortened(printed).splitlines())
    make["terminal"]("tune-bn report --run runs/demo --text", lines, TARGET, n_lines=60)


if __name__ == "__main__":
    main(sys.argv[1])
