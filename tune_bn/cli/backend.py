"""Who searches: Optuna in this process, or Ray Tune here or on a cluster."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tune_bn.cli.errors import InputError

if TYPE_CHECKING:
    from tune_bn.tuning.finish.finish import Outcome

__all__ = ["runner"]


def runner(backend: str, jobs: int, ray_options: dict[str, Any]) -> "Callable[..., Outcome]":
    """Returns the ``tune`` of a backend, with the options that are its own.

    Args:
        backend: "optuna" or "ray".
        jobs: Of the command line; Ray has its own option for it.
        ray_options: Options of `tune_bn.tuning.on_ray.run.RaySettings`; None for those not given.

    Raises:
        InputError: The backend is unknown, or an option belongs to the other one.
        TuneError: An option of Ray's is out of its range.
    """
    given = {name: value for name, value in ray_options.items() if value is not None}
    if backend == "optuna":
        if given:
            option = "--" + next(iter(given)).replace("_", "-")
            raise InputError(f"{option} is an option of Ray's. Add --backend ray, or leave it out.")
        from tune_bn.tuning.optuna_run import tune as with_optuna

        return with_optuna
    if backend == "ray":
        if jobs != 1:
            raise InputError(
                f"--jobs is not for --backend ray, but got {jobs}. Use --max-concurrent {jobs}."
            )
        from tune_bn.tuning.on_ray.run import tune as with_ray
        from tune_bn.tuning.settings import RaySettings

        return partial(with_ray, ray_settings=RaySettings(**given))
    raise InputError(f"--backend needs optuna or ray, but got {backend!r}. Choose one of these.")
