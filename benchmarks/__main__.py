"""``python -m benchmarks NAME``: run a benchmark, or list them."""

import importlib
import sys

__all__ = ["MODULES", "main"]

MODULES = {
    "search": ("search.command", "what is found, beside other samplers"),
    "in-time": ("search.in_time", "what many workers find in so much time, simulated"),
    "curves": ("problems.curves", "records the learning curves that early stopping is tried on"),
    "hypervolume": ("search.hypervolume", "the same with several objectives"),
    "ray-benefit": ("search.ray_benefit", "what is found on Ray with ASHA"),
    "overhead": ("cost.overhead", "cost of the Optuna sampler, beside Optuna's own"),
    "suggest": ("cost.suggest", "cost of the Ray search algorithm, beside Ray's own"),
    "footprint": ("cost.footprint", "size of the wheel, dependencies, time of the imports"),
    "load": ("cost.load", "many trials, parameters, looks at a study: what each costs"),
    "workers": ("cost.workers", "many processes on one study: costs, and correctness"),
    "soak": ("cost.soak", "one process for half an hour: what it leaves behind"),
    "batchnorm": ("batchnorm.speed", "speed of the batch-norm layers, beside torch's"),
    "inference-stats": ("batchnorm.inference_stats", "what corrected statistics are good for"),
    "demo": ("tool.demo", "the main job on digits"),
    "tables": ("tool.tables", "the tuned network on real tables, beside other models"),
    "narrowing": ("tool.narrowing", "the README's figure of how a search narrows"),
    "regions": ("tool.regions", "the pictures of regions in the docs"),
    "pages": ("pages", "all tables and figures of README, docs, results, from rows"),
}
"""Module of each benchmark, and what it tells; each has a ``main(arguments)``."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a benchmark; what follows its name are its own options. Returns the exit code."""
    name, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print("usage: python -m benchmarks NAME [its own options; try --help]\n")
        for known, (_, purpose) in MODULES.items():
            print(f"  {known:16} {purpose}")
        return 0
    if name not in MODULES:
        print(f"There is no benchmark {name!r}; there are {', '.join(MODULES)}.", file=sys.stderr)
        return 2
    program, sys.argv[0] = sys.argv[0], f"python -m benchmarks {name}"  # what --help calls itself
    try:
        importlib.import_module(f"benchmarks.{MODULES[name][0]}").main(options)
    finally:
        sys.argv[0] = program
    return 0


if __name__ == "__main__":
    sys.exit(main())
