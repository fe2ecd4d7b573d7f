"""Whether an audit says what it did not look at."""

import pytest

from tests.support.audit import FOUND, NOTHING_CHECKED, verdict

SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI: torch (2.13.0+cpu)"}
KNOWN = {"id": "PYSEC-1", "fix_versions": ["3.2"], "aliases": [], "description": ""}
OPEN = {"name": "jinja2", "version": "3.1", "vulns": [KNOWN]}


@pytest.mark.parametrize(
    ("packages", "line", "code"),
    [
        ([SOUND], "No known vulnerability.", 0),
        ([SOUND, SKIPPED], "NOT CHECKED: torch.", 0),
        ([SOUND, SKIPPED], "1 of 2 packages were checked.", 0),
        ([SOUND, OPEN], "jinja2 3.1: PYSEC-1, mended in 3.2.", FOUND),
        ([SKIPPED, SKIPPED], "NOTHING WAS CHECKED: all 2 packages were skipped", NOTHING_CHECKED),
        ([], "NOTHING WAS CHECKED: all 0 packages", NOTHING_CHECKED),
    ],
)
def test_the_verdict_on_an_audit(packages, line, code):
    """An audit in which everything was skipped is none."""
    lines, found = verdict({"dependencies": packages, "fixes": []})
    assert found == code
    assert any(line in each for each in lines)
    assert ("No known vulnerability." in lines) == (code == 0)
