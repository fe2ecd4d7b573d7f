"""Pages that lie beside the documentation: the examples and the changelog."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

__all__ = ["on_files"]

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
