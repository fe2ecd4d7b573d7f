"""The README as a package index shows it: its links lead to the repository.

Hatchling runs this when it builds; the repository's address stands in ``[project.urls]`` of
``pyproject.toml`` and nowhere else.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["RepositoryLinks", "absolute"]

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^):]+)\)")  # neither an address nor a mail


def absolute(text: str, repository: str) -> str:
    """Returns a page with links to files beside it as links into a repository.

    Args:
        text: Markdown.
        repository: Address of the repository, without a slash at its end.
    """

    def led(link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        kind = "raw" if picture else "blob"
        path = target.removeprefix("../../") if target[:6] == "../../" else f"{kind}/HEAD/{target}"
        return f"{picture}[{words}]({repository}/{path})"

    return _LINK.sub(led, text)


class RepositoryLinks(MetadataHookInterface):
    """Gives the distribution its readme."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Sets the readme to the text of ``README.md`` with absolute links."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = absolute(text, metadata["urls"]["Repository"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
