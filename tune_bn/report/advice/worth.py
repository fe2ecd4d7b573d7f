"""Whether a parameter, a choice or a region is worth its draws, and which go together."""

import math
import re
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from tune_bn.core.space import Categorical, Parameter
from tune_bn.report.advice.evidence import Advice, Evidence
from tune_bn.report.advice.rank_statistics import (
    adjusted_z,
    blocks_of,
    interaction_z,
    mean_ranks,
    normal_tail,
    within_blocks_z,
)
from tune_bn.report.results.wording import value_text

__all__ = ["category", "failures", "idle", "together"]

_LEARNING_RATE = re.compile(r"(^|[^a-z])(lr|learning[ _-]?rate|eta|step[ _-]?size)([^a-z]|$)", re.I)
_BATCH_SIZE = re.compile(r"(^|[^a-z])batch([ _-]?size)?([^a-z]|$)|^bs$", re.I)
_MOST_PAIRED = 16


def category(evidence: Evidence) -> list[Advice]:
    """Advises to drop a choice that never appears among the best.

    Speaks where a choice was tried at least five times, is absent from the best quarter, and ranks
    below the others (van Elteren's test within blocks, one-sided).
    """
    found = []
    order = np.argsort(evidence.rank)[: max(evidence.n // 4, 5)]
    spaces = {name: evidence.results.space[name] for name in evidence.categorical}
    n_tests = sum(p.n_cells or 0 for p in spaces.values())
    for name, parameter in spaces.items():
        choices = parameter.bounds
        index = _indices(evidence.position(name), len(choices))
        bad: list[int] = []
        worst_p = 0.0
        for i in range(len(choices)):
            has = (index == i).astype(float)
            if has.sum() < 5 or has[order].any():
                continue
            p = normal_tail(within_blocks_z(has, evidence.rank, evidence.block))
            if p <= evidence.level(n_tests):
                bad.append(i)
                worst_p = max(worst_p, p)
        if not bad:
            continue
        kept = [c for i, c in enumerate(choices) if i not in bad]
        names = " and ".join(value_text(choices[i]) for i in bad)
        tried = sum(int(np.sum(index == i)) for i in bad)
        found.append(
            Advice(
                "category",
                f"Drop {names} from {name}: not once among the best quarter of the trials.",
                name,
                f"Tried in {tried} trials, never among the best {len(order)}; worse than the other "
                f"choices (rank test within stages, p = {worst_p:.1g}).",
                Categorical(kept),
            )
        )
    return found


def _indices(position: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.int64]:
    """Returns the number of each trial's choice, −1 where it has none."""
    cells: npt.NDArray[np.int64] = np.where(np.isnan(position), -1, position * n).astype(np.int64)
    return cells


def together(evidence: Evidence) -> list[Advice]:
    """Advises to search two parameters by ratio or product where good trials lie along a ridge.

    Speaks where a joint shift of both explains the ranks beyond what each alone and its square
    explain (regression of ranks, Freedman and Lane 1983, two-sided), and the best quarter shows
    it: Spearman's correlation of at least 0.4 over eight different values of both. A learning rate
    whose best region moves with the batch size is named as such.
    """
    if len(evidence.results.directions) > 1:
        return []  # a Pareto set is a ridge by nature
    names = [n for n in evidence.numeric if not np.isnan(evidence.position(n)).any()]
    names = names[:_MOST_PAIRED]
    order = np.argsort(evidence.rank)[: max(evidence.n // 4, 10)]
    n_tests = len(names) * (len(names) - 1)  # both signs of every pair
    found = []
    for a, b in combinations(names, 2):
        x, y = evidence.position(a), evidence.position(b)
        if min(len(np.unique(x[order])), len(np.unique(y[order]))) < 8:
            continue
        z = interaction_z(x, y, evidence.rank, evidence.block)
        p = normal_tail(abs(z))
        if p > evidence.level(n_tests):
            continue
        u, v = mean_ranks(x[order]), mean_ranks(y[order])
        rho = float(np.corrcoef(u, v)[0, 1])
        if abs(rho) < 0.4 or (rho > 0) != (z < 0):
            continue
        found.append(_together(a, b, rho, p, len(order)))
    return found


def _together(a: str, b: str, rho: float, p: float, n: int) -> Advice:
    numbers = (
        f"Among the best {n} trials Spearman's ρ = {rho:+.2f}; the interaction explains the ranks "
        f"beyond each parameter alone (regression of ranks, p = {p:.1g})."
    )
    for rate, batch in ((a, b), (b, a)):
        if _LEARNING_RATE.search(rate) and _BATCH_SIZE.search(batch):
            way = "larger" if rho > 0 else "smaller"
            text = (
                f"The best region of {rate} moves with {batch}: larger batches want a {way} rate. "
                f"Fix {batch}, or search {rate} {'/' if rho > 0 else '×'} {batch} instead."
            )
            return Advice("learning rate and batch size", text, rate, numbers)
    way = "a larger" if rho > 0 else "a smaller"
    sign = "ratio" if rho > 0 else "product"
    text = (
        f"Among the best trials a larger {a} goes with {way} {b}: search {a} and the {sign} of "
        "both, so that a draw that changes one keeps the other in step."
    )
    return Advice("together", text, a, numbers)


def idle(evidence: Evidence) -> list[Advice]:
    """Advises to fix a parameter that makes no measurable difference while others do.

    Speaks where another parameter is shown to matter, at least 50 trials have values, this one's
    best quarter still covers 60 % of its scale, and nothing of it is left in the ranks once the
    other parameters and their squares are taken out: not itself, not its square, not its product
    with another (regression of ranks within blocks; |t| below 1.3, 1.3 and 2.5), with a partial
    correlation below 0.3 at 95 % confidence.
    """
    names = [n for n in evidence.numeric if not np.isnan(evidence.position(n)).any()]
    if evidence.n < 50 or len(names) > _MOST_PAIRED:
        return []
    centred = {n: evidence.position(n) - evidence.position(n).mean() for n in names}
    choices = [_choice_columns(evidence, name) for name in evidence.categorical]
    matters = {name: _effect_p(evidence, centred, choices, name) for name in names}
    order = np.argsort(evidence.rank)[: max(evidence.n // 4, 10)]
    found = []
    for name in names:
        others = [p for other, p in matters.items() if other != name]
        others += [_choice_p(evidence, columns) for columns in choices]
        if not any(p <= evidence.level(len(names) * (len(others) + 1)) for p in others):
            continue
        best = evidence.position(name)[order]
        covered = float(np.ptp(np.quantile(best, [0.1, 0.9])))
        if covered < 0.6:
            continue
        own, square, *products = _effects(evidence, centred, choices, name)
        bound = (max(abs(own), abs(square)) + 1.645) / math.sqrt(evidence.n)
        if (
            max(abs(own), abs(square)) > 1.3
            or bound > 0.3
            or max(map(abs, products), default=0) > 2.5
        ):
            continue
        top = evidence.trials[int(np.argmin(evidence.rank))].params.get(name)
        found.append(
            Advice(
                "idle",
                f"{name} makes no measurable difference: fix it (at {value_text(top)}, say) and "
                "spend the draws on the others.",
                name,
                f"The best {len(best)} trials cover {covered:.0%} of its scale; beside the other "
                f"parameters its partial rank correlation with the value is below {bound:.2f} "
                "(95 % bound, regression of ranks).",
                _fixed(evidence.results.space[name], top),
            )
        )
    return found


_Columns = npt.NDArray[np.float64]


def _effects(
    evidence: Evidence, centred: dict[str, _Columns], choices: list[_Columns], name: str
) -> list[float]:
    """Returns t of the parameter, its square, and its products, beside all other parameters."""
    x = centred[name]
    others = [c for other, c in centred.items() if other != name]
    known = [*others, *(c * c for c in others)]
    columns = [np.stack(known, axis=1)] if known else []
    base = np.concatenate([*columns, *choices, np.ones((evidence.n, 1))], axis=1)
    alone = adjusted_z(np.stack([x, x * x], axis=1), base, evidence.rank, evidence.block)
    if not others:
        return [float(t) for t in alone]
    products = np.stack([x * c for c in others], axis=1)
    base = np.concatenate([base, x[:, None], (x * x)[:, None]], axis=1)
    joint = adjusted_z(products, base, evidence.rank, evidence.block)
    return [float(t) for t in (*alone, *joint)]


def _effect_p(
    evidence: Evidence, centred: dict[str, _Columns], choices: list[_Columns], name: str
) -> float:
    own, square, *_ = _effects(evidence, centred, choices, name)
    return 4 * normal_tail(max(abs(own), abs(square)))


def _choice_columns(evidence: Evidence, name: str) -> _Columns:
    n = evidence.results.space[name].n_cells or 1
    index = _indices(evidence.position(name), n)
    return np.stack([(index == i).astype(float) for i in range(1, n)], axis=1)


def _choice_p(evidence: Evidence, columns: _Columns) -> float:
    zs = [within_blocks_z(column, evidence.rank, evidence.block) for column in columns.T]
    return min(1.0, len(zs) * 2 * normal_tail(max(map(abs, zs), default=0.0)))


def _fixed(parameter: Parameter, value: Any) -> Parameter | None:
    return None if value is None else parameter.between(value, value, scale="linear")


def failures(evidence: Evidence) -> list[Advice]:
    """Advises to cut off a region where most trials fail, or stop early, while elsewhere few do.

    Speaks where a parameter's values go with failing (van Elteren's test of failed against the
    others within blocks, two-sided), and an end of its scale holds at least half of what failed
    with a share of at least 60 % failed there, three times that elsewhere; of categories a choice.
    """
    for lost, word in (
        (("failed",), "failed"),
        (("failed", "pruned"), "failed or were stopped early"),
    ):
        found = _lost_regions(evidence, lost, word)
        if found:
            return found
    return []


def _lost_regions(evidence: Evidence, lost: tuple[str, ...], word: str) -> list[Advice]:
    trials = [t for t in evidence.results.trials if t.state != "running"]
    is_lost = np.array([float(t.state in lost) for t in trials])
    if is_lost.sum() < 5 or is_lost.all():
        return []
    block = blocks_of([t.stage for t in trials])
    names = [*evidence.numeric, *evidence.categorical]
    found = []
    for name in names:
        position = evidence.results.positions(name, trials)
        parameter = evidence.results.space[name]
        n_cells = parameter.n_cells or 1
        is_choice = parameter.is_unordered
        n_tests = 2 * len(names) * (n_cells if is_choice else 1)
        if is_choice:
            cells = _indices(position, n_cells)
            regions = [cells == i for i in range(n_cells)]
        else:
            cut = np.unique(np.nanquantile(position, np.arange(0.05, 0.96, 0.05)))
            regions = [position >= c for c in cut[::-1]] + [position <= c for c in cut]
        best: tuple[float, npt.NDArray[np.bool_]] | None = None
        for region in regions:
            if region.sum() < 5 or region.all():
                continue
            inside, outside = float(is_lost[region].mean()), float(is_lost[~region].mean())
            share = float(is_lost[region].sum() / is_lost.sum())
            if inside >= 0.6 and inside >= 3 * outside and share >= 0.5:
                score = inside - outside
                if best is None or score > best[0]:
                    best = (score, region)
        if best is None:
            continue
        region = best[1]
        x = region.astype(float) if is_choice else position
        p = 2 * normal_tail(abs(within_blocks_z(x, is_lost, block)))
        if p > evidence.level(n_tests):
            continue
        values = [t.params[name] for t, inside in zip(trials, region, strict=True) if inside]
        where, rest = _region(parameter, position, region, values)
        found.append(
            Advice(
                "failures",
                f"Most trials with {name} {where} {word}: leave that region out.",
                name,
                f"{int(is_lost[region].sum())} of {int(region.sum())} trials there, "
                f"{int(is_lost[~region].sum())} of {int((~region).sum())} elsewhere (rank test "
                f"within stages, p = {p:.1g}).",
                rest,
            )
        )
    return found


def _region(
    parameter: Parameter,
    position: npt.NDArray[np.float64],
    region: npt.NDArray[np.bool_],
    values: list[Any],
) -> tuple[str, Parameter | None]:
    """Returns the region in words, and the range without it."""
    if parameter.is_unordered:
        rest = [c for c in parameter.bounds if c not in values]
        return f"= {value_text(values[0])}", Categorical(rest) if rest else None
    is_high = float(np.nanmean(position[region])) > float(np.nanmean(position[~region]))
    border = min(values) if is_high else max(values)
    if parameter.spacing is None:
        border = float(f"{border:.2g}") if 0 < border < 0.9 or border > 1 else border
    step = parameter.spacing or 0
    low, high = parameter.bounds
    low, high = (low, border - step) if is_high else (border + step, high)
    words = f"≥ {value_text(border)}" if is_high else f"≤ {value_text(border)}"
    has_rest = low < high and parameter.scale != "normal"  # whose ends nobody chose
    return words, parameter.between(low, high) if has_rest else None
