"""What an audit of the pinned packages found, and whether it looked at any.

``python -m tests.support.audit FILE`` reads the JSON that ``pip-audit`` writes. A package that its
service does not know is skipped there, and where no package can be looked up it says "No known
vulnerabilities found" and ends with 0.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FOUND", "NOTHING_CHECKED", "verdict"]

FOUND, NOTHING_CHECKED = 1, 2
"""Exit codes: there are known vulnerabilities; none of the packages could be looked up."""


def verdict(report: Mapping[str, Any]) -> tuple[Sequence[str], int]:
    """Returns lines for a person and an exit code.

    Args:
        report: What ``pip-audit --format json`` wrote.
    """
    packages = report["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    checked = [package for package in packages if "skip_reason" not in package]
    if not checked:
        reason = skipped[0]["skip_reason"] if skipped else "there was none to check"
        return [
            f"NOTHING WAS CHECKED: all {len(packages)} packages were skipped ({reason})."
        ], NOTHING_CHECKED
    lines = [f"{len(checked)} of {len(packages)} packages were checked."]
    if skipped:
        names = ", ".join(sorted({package["name"] for package in skipped}))
        lines.append(f"NOT CHECKED: {names}.")
    for package in checked:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            about = f"{package['name']} {package['version']}: {found['id']}"
            lines.append(f"{about}, mended in {fixed}.")
    is_sound = not any(package["vulns"] for package in checked)
    return [*lines, "No known vulnerability."] if is_sound else lines, 0 if is_sound else FOUND


def main(path: str) -> None:
    """Prints the verdict on a file and ends with its exit code."""
    text = Path(path).read_text(encoding="utf-8")
    lines, code = verdict(json.loads(text) if text.strip() else {"dependencies": []})
    print("\n".join(lines))
    raise SystemExit(code)


if __name__ == "__main__":
    main(sys.argv[1])
