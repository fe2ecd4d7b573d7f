"""Makes the thumbnails of the examples from what the examples print and draw.

    python examples/thumbnails/make.py [NAME …]    # of all examples, or of some; a few minutes

An example that writes a figure gets a picture of that page, taken by a headless Chromium; any other
gets the first lines that it prints, as a terminal that reads on light pages and on dark ones.
Needs Chromium, and Pillow and rich of the development set-up.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from PIL import Image, ImageChops
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH_PX, N_COLOURS = 640, 48
COLUMNS, N_LINES = 80, 13


def output(name: str, folder: Path) -> str:
    """Returns what an example prints in its full run."""
    command = [sys.executable, str(HERE.parent / f"{name}.py")]
    print("running", name, flush=True)
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def figure(page: Path, target: Path) -> None:
    """Saves a picture of a page that holds one plotly figure, without its margins."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Thumbnails of figures need Chromium, which is not installed.")
    html = page.read_text(encoding="utf-8")
    style = "<style>.modebar{display:none!important}</style></head>"
    page.write_text(html.replace("</head>", style, 1), encoding="utf-8")
    # A figure that fills its window is taken in a small one, in which its type is large.
    fixed = re.search(r'"width":(\d{4})\b', html.rpartition("Plotly.newPlot")[2])
    width_px = int(fixed[1]) + 20 if fixed else 820
    picture = page.with_suffix(".png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += ["--no-first-run", "--disable-background-networking"]
    options += [f"--window-size={width_px},650"]
    options += ["--virtual-time-budget=5000", f"--user-data-dir={page.parent / 'profile'}"]
    subprocess.run(
        [browser, *options, f"--screenshot={picture}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    image = Image.open(picture).convert("RGB")
    box = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    assert box is not None, f"{page} is empty"
    left, top, right, bottom = box
    image = image.crop((left - 12, max(top - 12, 0), right + 12, bottom + 12))
    size = (WIDTH_PX, round(image.height * WIDTH_PX / image.width))
    image = image.resize(size, Image.Resampling.LANCZOS)
    image = image.quantize(N_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(target, optimize=True)


def terminal(title: str, text: str, target: Path, n_lines: int = N_LINES) -> None:
    """Saves the first lines of a text as a picture of a terminal."""
    lines = [
        line if len(line) < COLUMNS else f"{line[: COLUMNS - 2]}…" for line in text.splitlines()
    ]
    lines = lines if len(lines) <= n_lines else [*lines[: n_lines - 1], "…"]
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text("\n".join(lines)), soft_wrap=True)
    svg = console.export_svg(title=title, unique_id="t")
    # A picture on a page may load nothing: not rich's fonts from the network either.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\n\s*", "\n", svg.replace("Fira Code", "Consolas, Menlo"))
    target.write_text(svg, encoding="utf-8")


def main() -> None:
    """Makes the thumbnails of the examples that are named on the command line, or of all."""
    for name in sys.argv[1:] or sorted(path.stem for path in HERE.parent.glob("*.py")):
        with tempfile.TemporaryDirectory() as folder:
            text = output(name, Path(folder))
            drawn = re.search(r"^figure: (\w+\.html)$", text, re.MULTILINE)
            for old in HERE.glob(f"{name}.*"):
                old.unlink()
            if drawn:
                figure(Path(folder) / drawn[1], HERE / f"{name}.png")
            else:
                terminal(f"python examples/{name}.py", text, HERE / f"{name}.svg")


if __name__ == "__main__":
    main()
