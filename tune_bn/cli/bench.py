"""``tune-bn bench NAME``: the benchmarks whose rows stand in ``tune_bn/bench/results``."""

import importlib
import sys
from typing import Annotated

import typer

__all__ = ["bench"]

_MODULES = {
    "search": "what is found, beside other samplers",
    "hypervolume": "the same with several objectives",
    "overhead": "cost of the Optuna sampler, beside Optuna's own",
    "suggest": "cost of the Ray search algorithm, beside Ray's own",
    "ray-benefit": "what is found on Ray with ASHA",
    "batchnorm": "speed of the batch-norm layers, beside torch's",
    "inference-stats": "what corrected inference statistics are good for",
    "demo": "the main job on digits",
    "narrowing": "the README's figure of how a search narrows",
    "footprint": "size of the wheel, dependencies, time of the imports",
    "load": "many trials, workers, parameters: what each costs, and whether all is right",
    "soak": "one process for half an hour: what it leaves behind",
    "tables": "the tables of README and docs, made from rows",
}


def bench(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help=f"One of {', '.join(_MODULES)}.", show_default=False)
    ] = "--help",
) -> None:
    """Run a benchmark; what follows its name are its own options (try --help after it)."""
    if name == "--help":
        print("Usage: tune-bn bench NAME [its own options; try --help]\n")
        for known, purpose in _MODULES.items():
            print(f"  {known:16} {purpose}")
        return
    if name not in _MODULES:
        raise typer.BadParameter(
            f"There is no benchmark {name!r}; there are {', '.join(_MODULES)}."
        )
    module = f"tune_bn.bench.{name.replace('-', '_')}"
    program, sys.argv[0] = sys.argv[0], f"tune-bn bench {name}"  # what its --help calls itself
    try:
        importlib.import_module(module).main(context.args)
    finally:
        sys.argv[0] = program
