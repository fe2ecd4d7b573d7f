"""Whether the chosen network is worth its training: one plain sentence about the test scores."""

import math
from collections.abc import Mapping
from typing import Any

from tune_bn.report.results.wording import count_text, number_text

__all__ = ["CHOSEN", "model_scores", "verdict", "winner"]

CHOSEN = "chosen network"
_MOST_ROWS = 2**53  # a count beyond it is none
_DEFAULT = "default network"
_NETWORKS = (CHOSEN, _DEFAULT)


def model_scores(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns the scores of the chosen network and of the models beside it, by name.

    Args:
        summary: Plain data with ``best.test`` and ``baselines`` (name → metric → value), as the
            command line tool writes it; or any ``scores`` of that second form.
    """
    best = summary.get("best")
    scores: dict[str, Any] = {}
    if isinstance(best, Mapping) and isinstance(best.get("test"), Mapping):
        scores[CHOSEN] = best["test"]
    for key in ("scores", "baselines"):
        given = summary.get(key)
        if isinstance(given, Mapping):
            scores |= {str(name): value for name, value in given.items()}
    return {
        name: value if isinstance(value, Mapping) else {} if value is None else {"score": value}
        for name, value in scores.items()
    }


def _values(summary: Mapping[str, Any]) -> dict[str, float]:
    """Returns each model's score by the metric that was tuned for, where it is finite."""
    metric = str(summary.get("metric", ""))
    found = {name: scores.get(metric) for name, scores in model_scores(summary).items()}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }


def winner(summary: Mapping[str, Any]) -> str | None:
    """Returns the model with the best test score; None where nobody says which way is better.

    Of equals the chosen network, then the first.
    """
    values, maximize = _values(summary), summary.get("maximize")
    if len(values) < 2 or not isinstance(maximize, bool):
        return None
    return max(values, key=lambda name: values[name] if maximize else -values[name])


def verdict(summary: Mapping[str, Any]) -> str:
    """Returns who did best on the test rows, by how much, and what that means; "" if unknown.

    A difference in accuracy is told in rows. What may be chance the run has found out row by row
    (``within_error``: the models within two standard errors). Without that it is what
    lies within two standard errors of two shares of that many other rows: a cautious bound.
    """
    best, values = winner(summary), _values(summary)
    if best is None or CHOSEN not in values:
        return ""
    metric, own = str(summary["metric"]), values[CHOSEN]
    about = summary.get("best")
    # The two are one network then.
    is_default = isinstance(about, Mapping) and about.get("is_default") is True
    of_it = _NETWORKS if is_default else (CHOSEN,)
    others = {name: value for name, value in values.items() if name not in of_it}
    if not others:
        return ""
    if best == CHOSEN:
        sign = 1 if summary["maximize"] else -1
        rival = max(others, key=lambda name: sign * others[name])
        who = f"chosen network{', the default one,' if is_default else ''}"
        if own == others[rival]:
            text = (
                f"The {who} and {_called(rival)} are equal on the test rows, with {metric} "
                f"{number_text(own)}, and no other is better."
            )
            if rival in _NETWORKS:
                return f"{text} Tuning has gained nothing that this shows."
            return f"{text} {rival[:1].upper()}{rival[1:]} is simpler, take it."
        gap = _gap_text(summary, own, others[rival])
        what = "So few rows" if gap else "The difference"
        text = (
            f"The {who} is the best of these on the test rows: {metric} "
            f"{number_text(own)} against {number_text(others[rival])} of {_called(rival)}{gap}."
        )
        if not _is_chance(summary, rival, own, others[rival]):
            return text
        if rival in _NETWORKS:
            return f"{text} {what} may be chance: tuning has gained little that can be shown."
        return f"{text} {what} may be chance: {rival} does as well and is simpler, take it."
    gap, who = _gap_text(summary, own, values[best]), _called(best)
    text = (
        f"{who[:1].upper()}{who[1:]} did better on the test rows than the chosen network: "
        f"{metric} {number_text(values[best])} against {number_text(own)}{gap}."
    )
    if _is_chance(summary, best, own, values[best]):
        what = "So few rows" if gap else "The difference"
        text += f" {what} may be chance, but nothing here speaks for the network."
    return text if best in _NETWORKS else f"{text} Take {who}."


def _called(model: str) -> str:
    """Returns a model's name within a sentence."""
    return f"the {model}" if model in _NETWORKS else model


def _rows(summary: Mapping[str, Any]) -> int | None:
    """Returns the number of test rows, where the metric counts rows; None where it does not."""
    data = summary.get("data")
    rows = data.get("rows") if isinstance(data, Mapping) else None
    n = rows.get("test") if isinstance(rows, Mapping) else None
    are_shares = all(0 <= value <= 1 for value in _values(summary).values())
    if summary.get("metric") != "accuracy" or not are_shares:
        return None
    return n if isinstance(n, int) and 0 < n < _MOST_ROWS else None


def _weighing_rows(summary: Mapping[str, Any]) -> float | None:
    """Returns how many rows of one weight tell as much as the test rows; None without weights."""
    data = summary.get("data")
    n = data.get("test_rows_by_weight") if isinstance(data, Mapping) else None
    return n if isinstance(n, float) and 1 <= n < _MOST_ROWS else None


def _gap_text(summary: Mapping[str, Any], a: float, b: float) -> str:
    n = _rows(summary)
    if n is None or _weighing_rows(summary) is not None:
        return ""
    return f", {count_text(round(abs(a - b) * n), 'row')} of {n:,}"


def _is_chance(summary: Mapping[str, Any], rival: str, a: float, b: float) -> bool:
    compared, n = summary.get("within_error"), _rows(summary)
    if isinstance(compared, list):
        return rival in compared
    if n is None:
        return False
    return abs(a - b) <= 2 * math.sqrt((a * (1 - a) + b * (1 - b)) / (_weighing_rows(summary) or n))
