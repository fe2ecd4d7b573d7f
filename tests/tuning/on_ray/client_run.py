"""A run through Ray Client, stopped once and gone on with; run by `test_ray_client`.

It has a process of its own, because a process can be connected to one Ray only. It prints what
happened as JSON.
"""

import json
import sys
from pathlib import Path

from tune_bn.training import load_dataset
from tune_bn.tuning.errors import Stopped
from tune_bn.tuning.folder.tally import Progress
from tune_bn.tuning.on_ray.run import tune
from tune_bn.tuning.settings import RaySettings, Settings


def main(address: str, data: str, out: Path) -> None:
    """Runs and prints what came of it."""
    dataset = load_dataset(data, target="kind")
    ended: list[int] = []

    def hear(at: Progress) -> None:
        if at.ended is not None:
            ended.append(at.ended.number)

    def run(trials: int, *, is_stopped: bool) -> dict[str, int]:
        outcome = tune(
            dataset,
            out,
            Settings(trials=trials, epochs=3),
            RaySettings(address=address, max_concurrent=1),
            on_progress=hear,
            is_stopped=lambda: is_stopped and bool(ended),
        )
        counts: dict[str, int] = outcome.summary["search"]
        return counts

    stopped = None
    try:
        run(200, is_stopped=True)
    except Stopped as error:
        stopped = (error.finished, error.trials)
    counts = run(len(ended) + 2, is_stopped=False)
    print(json.dumps({"stopped": stopped, "counts": counts, "ended": ended}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
