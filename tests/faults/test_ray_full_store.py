"""Ray's object store full, with no disk to spill to: a real `OutOfDiskError`.

Ray 2.60 raises that where earlier versions raised `ObjectStoreFullError`. A store that is full and
may spill is in `test_ray_driver`.
"""

import json
import subprocess
import sys

import pytest

from tests.support.disks import small_disk


@pytest.mark.slow  # `test_ray_driver` fills a store that may spill
def test_the_object_store_is_full(table, tmp_path):
    """Whoever asks for room fails: a trial, and no other; or a run, in one line, to be repeated."""
    with small_disk("16m") as disk:
        words = [str(word) for word in (tmp_path, disk, table)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.ray_full_store", *words],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["states"] == ["complete", "failed", "complete"]
    assert said["values"] == said["expected"]
    assert said["is_full"] == [True]
    before, refused, after = said["counts"]
    assert (before, after) == (1, 2)
    assert "its object store is full" in refused
    assert "set RAY_TMPDIR" in refused
