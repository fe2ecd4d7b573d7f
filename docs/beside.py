"""Pages beside the documentation: the examples and the changelog. No page fetches anything."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

__all__ = ["on_files", "on_post_page"]

ROOT = Path(__file__).parent.parent
EXAMPLES = ("*.md", "*.py", "thumbnails/*.png", "thumbnails/*.svg", "optunahub/**/*.md")


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the files, where their links to one another find them."""
    beside = {"changelog.md": ROOT / "CHANGELOG.md"}
    for pattern in EXAMPLES:
        for path in (ROOT / "examples").glob(pattern):
            beside[path.relative_to(ROOT).as_posix()] = path
    for address, path in beside.items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Refuses a page that needs a network (the site is opened from a disk, too); keeps ± together.

    Raises:
        PluginError: If a script, a style or a picture has an address elsewhere.
    """
    fetched = (
        r'<(?:script|img|iframe)\b[^>]*\bsrc="(https?:[^"]*)|<link\b[^>]*\bhref="(https?:[^"]*)'
    )
    if found := re.search(fetched, output):
        raise PluginError(f"{page.file.src_uri} fetches {found[1] or found[2]}. Keep a copy here.")
    return output.replace(" ± ", "\u00a0±\u00a0")  # so that a cell keeps its value in one line
