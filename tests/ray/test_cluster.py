"""Outgrowing one machine: a search over three nodes survives the loss of one."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_removed_node_loses_no_trial(tmp_path):
    """All samples end well, the lost trial is run again, and none is counted twice."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ray.cluster_run", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["nodes"] == 2
    assert (outcome["results"], outcome["errors"]) == (6, 0)
    assert outcome["states"] == ["complete"] * 6
    assert len(outcome["values"]) == 6
    assert outcome["starts"] > 6  # one was lost with its node
    assert outcome["open_ports"] == []
