"""Which options go with which backend."""

from typing import TYPE_CHECKING, Any

from tune_bn.cli.errors import InputError
from tune_bn.plain.checks import check_choice

if TYPE_CHECKING:
    from tune_bn.tuning.settings import RaySettings

__all__ = ["ray_settings"]


def ray_settings(backend: str, jobs: int, options: dict[str, Any]) -> "RaySettings | None":
    """Returns what Ray is asked for; None for the backend that is Optuna.

    Args:
        backend: "optuna" or "ray".
        jobs: Of the command line; Ray has its own option for it.
        options: Of `tune_bn.tuning.settings.RaySettings`; None for those not given.

    Raises:
        InputError: The backend is unknown, or an option belongs to the other one.
        TuneError: An option of Ray's is out of its range.
    """
    given = {name: value for name, value in options.items() if value is not None}
    check_choice(InputError, "A run", "--backend", backend, ("optuna", "ray"))
    if backend == "optuna":
        if given:
            option = "--" + next(iter(given)).replace("_", "-")
            raise InputError(f"{option} is an option of Ray's. Add --backend ray, or leave it out.")
        return None
    if jobs != 1:
        raise InputError(
            f"--jobs is not for --backend ray, but got {jobs}. Use --max-concurrent {jobs}."
        )
    from tune_bn.tuning.settings import RaySettings

    return RaySettings(**given)
