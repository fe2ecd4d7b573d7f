"""Which options go with which backend."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tune_bn.cli.errors import InputError
from tune_bn.plain.checks import check_choice

if TYPE_CHECKING:
    from tune_bn.tuning.finish.finish import Outcome

__all__ = ["runner"]


def runner(backend: str, jobs: int, ray_options: dict[str, Any]) -> "Callable[..., Outcome]":
    """Returns the ``tune`` of a backend, with the options that are its own.

    Args:
        backend: "optuna" or "ray".
        jobs: Of the command line; Ray has its own option for it.
        ray_options: Options of `tune_bn.tuning.settings.RaySettings`; None for those not given.

    Raises:
        InputError: The backend is unknown, or an option belongs to the other one.
        TuneError: An option of Ray's is out of its range.
    """
    given = {name: value for name, value in ray_options.items() if value is not None}
    check_choice(InputError, "A run", "--backend", backend, ("optuna", "ray"))
    if backend == "optuna" and given:
        option = "--" + next(iter(given)).replace("_", "-")
        raise InputError(f"{option} is an option of Ray's. Add --backend ray, or leave it out.")
    if backend == "ray" and jobs != 1:
        raise InputError(
            f"--jobs is not for --backend ray, but got {jobs}. Use --max-concurrent {jobs}."
        )
    from tune_bn.tuning import backends
    from tune_bn.tuning.settings import RaySettings

    return backends.runner(backend, RaySettings(**given) if backend == "ray" else None)
