"""The report as plain data, for scripts."""

import json
import math
from collections.abc import Mapping
from typing import Any

from tune_bn.report.advice.advise import advise
from tune_bn.report.pages.summary import answers, chosen_trial, title_of, with_summary
from tune_bn.report.results.results import Results, TrialResult

__all__ = ["report_json"]


def report_json(results: Results, summary: Mapping[str, Any] | None = None) -> str:
    """Returns what the page says as JSON: answers, best and chosen trial, stages, advice, trials.

    Numbers that JSON does not know are texts (``"inf"``, ``"nan"``), and so are choices that are
    objects.

    Args:
        results: A search.
        summary: As for `tune_bn.report.write_report`.
    """
    given = dict(summary or {})
    results = with_summary(results, given)
    advice = advise(results)
    best, chosen = results.best, chosen_trial(results, given)
    data = {
        "title": title_of(results, given),
        "source": results.source,
        "name": results.name,
        "objectives": list(results.objectives),
        "directions": list(results.directions),
        "notes": list(results.notes),
        "space": {name: parameter.to_json() for name, parameter in results.space.items()},
        "answers": dict(answers(results, given, advice)),
        "best": None if best is None else _trial(results, best),
        "chosen": None if chosen is None else _trial(results, chosen),
        "front": [trial.number for trial in results.front],
        "stages": [{**stage.to_json(), "name": stage.name} for stage in results.stages],
        "advice": [
            {
                "rule": one.rule,
                "text": one.text,
                "parameter": one.parameter,
                "evidence": one.evidence,
                "suggestion": None if one.suggestion is None else one.suggestion.to_json(),
            }
            for one in advice
        ],
        "trials": [_trial(results, trial) for trial in results.trials],
        "summary": given,
    }
    return json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False)


def _trial(results: Results, trial: TrialResult) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "values": list(trial.values),
        "params": dict(trial.params),
        "stage": results.stage_name(trial) or None,
        "seconds": trial.seconds,
    }


def _plain(value: Any) -> Any:
    """Returns a value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
