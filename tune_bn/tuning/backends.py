"""Who searches: Optuna in this process, or Ray Tune here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tune_bn.plain.checks import check_choice
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.settings import RaySettings

if TYPE_CHECKING:
    from tune_bn.tuning.finish.finish import Outcome

__all__ = ["runner"]


def runner(backend: str, ray_settings: RaySettings | None = None) -> Callable[..., Outcome]:
    """Returns the ``tune`` of a backend; only that backend's framework is imported.

    Args:
        backend: "optuna" or "ray".
        ray_settings: What Ray is asked for; None: its defaults.

    Raises:
        TuneError: The backend is unknown, or settings of Ray's are given to the other one.
    """
    if check_choice(TuneError, "A run", "backend", backend, ("optuna", "ray")) == "optuna":
        if ray_settings is not None:
            raise TuneError(
                f"backend 'optuna' takes no settings of Ray's, but got {ray_settings!r}. Use "
                "backend 'ray', or leave them out."
            )
        from tune_bn.tuning.optuna_run import tune as with_optuna

        return with_optuna
    from tune_bn.tuning.on_ray.run import tune as with_ray

    return partial(with_ray, ray_settings=ray_settings)
