"""How large the final is: the configurations that meet in it, and the folds they meet on."""

import math

__all__ = [
    "FINALISTS",
    "FIRST_FOLDS",
    "FOLDS",
    "NETWORKS",
    "SECOND_ROUND",
    "SMALLEST",
    "n_fits",
    "n_networks",
    "plan_final",
    "plan_within",
]

FINALISTS = 8
"""Configurations that meet in the final of a table that is not large, beside the default."""
FOLDS = 5
"""Folds that they meet on."""
FIRST_FOLDS = 2
"""Folds after which only the better go on."""
SECOND_ROUND = 4
"""How many go on."""
NETWORKS = 4
"""Networks of the chosen configuration that answer together, of a table that is not large."""
_MOST_ROWS_OF_SEVERAL = 20_000

# Finalists and folds, the larger the table the fewer: its scores differ less by luck.
_SIZES = ((FINALISTS, FOLDS), (6, FOLDS), (4, 4), (4, 3), (3, 2), (2, 2), (1, 1))
SMALLEST = _SIZES[-1]
"""The final that there is time for in any case."""
_ROWS_OF_SIZE = (10_000, 20_000, 50_000, 100_000)


def plan_final(rows: int, fits: float = math.inf) -> tuple[int, int]:
    """Returns how many of the search's best configurations meet, and on how many folds.

    Args:
        rows: Training and validation rows.
        fits: Trainings that there is time for.

    Example:
        >>> plan_final(1000), plan_final(1000, fits=12), plan_final(150_000)
        ((8, 5), (3, 2), (3, 2))
    """
    return plan_within(_SIZES[sum(rows >= most for most in _ROWS_OF_SIZE)], fits)


def plan_within(plan: tuple[int, int], fits: float) -> tuple[int, int]:
    """Returns the largest final, at most this one, that there is time for.

    Args:
        plan: What `plan_final` returns.
        fits: Trainings that there is time for.
    """
    for finalists, folds in _SIZES[_SIZES.index(plan) :]:
        if n_fits(finalists + 1, folds) <= fits:  # the default configuration may come on top
            return finalists, folds
    return _SIZES[-1]


def n_networks(rows: int) -> int:
    """Returns how many networks of the chosen configuration answer together, if there is time.

    Args:
        rows: Training and validation rows. Of many rows one network errs little by chance.

    Example:
        >>> n_networks(1000), n_networks(50_000)
        (4, 1)
    """
    return NETWORKS if rows < _MOST_ROWS_OF_SEVERAL else 1


def n_fits(players: int, folds: int) -> int:
    """Returns how many trainings a final of so many players has."""
    return players * min(folds, FIRST_FOLDS) + min(players, SECOND_ROUND) * max(
        folds - FIRST_FOLDS, 0
    )
