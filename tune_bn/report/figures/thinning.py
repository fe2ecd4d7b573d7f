"""Which trials of a long search a figure shows, and the sentence that says so."""

from tune_bn.report.results.results import Results, TrialResult

__all__ = ["shown_trials"]

_SHARE_OF_BEST = 0.25


def shown_trials(
    results: Results,
    most: int | None,
    *,
    states: tuple[str, ...] = ("complete", "pruned", "failed"),
) -> tuple[tuple[TrialResult, ...], str]:
    """Returns the trials that a figure shows, by number, and a note if that is not all of them.

    A quarter of the places goes to the best trials, the rest evenly over the whole search.

    Args:
        results: The search.
        most: How many trials at most; None for all.
        states: Which states to show.
    """
    trials = tuple(t for t in results.trials if t.state in states)
    if most is None or len(trials) <= most:
        return trials, ""
    n_best = int(most * _SHARE_OF_BEST)
    chosen = {t.number for t in results.ranked[:n_best]}
    others = [t for t in trials if t.number not in chosen]
    n_others = most - n_best
    chosen |= {others[i * len(others) // n_others].number for i in range(n_others)}
    note = (
        f"{len(trials):,} trials, {len(chosen):,} of them shown: the best {n_best:,}, and others "
        "evenly from the whole search."
    )
    return tuple(t for t in trials if t.number in chosen), note
