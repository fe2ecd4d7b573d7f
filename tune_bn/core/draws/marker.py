"""Makes the marks of a search, one for every trial: as records, or at once as lines of text."""

from collections.abc import Mapping
from typing import Any

from tune_bn.core.draws.digest import NOTHING, digest_of, trial_digest
from tune_bn.core.draws.mark import USUAL, Mark, numbers_text, stage_name
from tune_bn.core.draws.narrowing import Narrowing, Plan
from tune_bn.core.draws.proposal import Proposal
from tune_bn.core.draws.regions import AROUND_THE_BEST
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter

__all__ = ["Marker"]

_MOST_DIGESTS = 512
_NONE: Mapping[str, int] = {}

# Trials, their numbers, the digest of their values, and how a line ends that names them.
_Spanning = tuple[tuple[Trial, ...], tuple[int, ...], str, str]


class Marker:
    """Makes the marks of a search: what several trials in a row have in common is made once.

    Args:
        seed: Seed of the search.
        narrowing: The schedule.
    """

    def __init__(self, seed: int, narrowing: Narrowing) -> None:
        self.seed = seed
        self._settings = {
            name: getattr(narrowing, name)
            for name, usual in USUAL.items()
            if getattr(narrowing, name) != usual
        }
        self._n = narrowing.elites
        # By how deep a box reaches: of which history, its version, for how many parameters.
        self._made: dict[int, tuple[History, int, int, _Spanning]] = {}
        self._plan, self._plan_text = Plan(-1, 1.0), ("", "")
        self._many = {**self._settings}
        if narrowing.elite_power:
            self._many["elite_power"] = 0.0

    def mark(
        self,
        number: int,
        plan: Plan,
        proposal: Proposal,
        history: History,
        parameters: Mapping[str, Parameter],
        *,
        without: tuple[str, ...] = (),
        given: tuple[str, ...] = (),
        names: tuple[str, ...] | None = None,
        ranges: Mapping[str, int] | None = None,
        is_whole: bool = True,
    ) -> tuple[Mark, tuple[Trial, ...]]:
        """Returns the mark of a trial, and the trials that it names; the options are those of it.

        ``plan`` is its stage and width, ``proposal`` what was drawn, ``history`` the trials
        finished so far, ``parameters`` all that the search knows, by name.
        """
        spanning: tuple[Trial, ...] = ()
        trials: tuple[int, ...] = ()
        check = NOTHING
        settings: Mapping[str, Any] = self._settings
        if plan.stage:
            depth = proposal.n_best * (2 if proposal.kind == AROUND_THE_BEST else 1)
            spanning, trials, check, _ = self._spanning(history, parameters, depth)
            if history.n_objectives > 1:
                size = max(self._n, len(history.elites(self._n)))
                settings = {**self._many, "elites": size}
        mark = Mark(
            plan.stage,
            plan.width,
            trials,
            proposal.kind,
            number,
            None,
            self.seed,
            history.n_ranked,
            proposal.attempt,
            proposal.chance,
            proposal.n_best,
            settings,
            without,
            given,
            names,
            ranges or _NONE,
            check,
            is_whole,
        )
        return mark, spanning

    def line(
        self,
        number: int,
        plan: Plan,
        proposal: Proposal,
        history: History,
        parameters: Mapping[str, Parameter],
    ) -> tuple[str, tuple[Trial, ...]]:
        """Returns what `mark` returns, of a trial like most, as the line of text that it records.

        It is what ``mark(…)[0].to_text()`` gives, made without the object: a study asks for one
        for every trial.
        """
        if history.n_objectives > 1 or self._settings:
            mark, spanning = self.mark(number, plan, proposal, history, parameters)
            return mark.to_text(), spanning
        _, kind, attempt, chance, n_best = proposal
        if self._plan is not plan and self._plan != plan:  # the same for all trials of a stage
            self._plan = plan
            self._plan_text = stage_name(plan.stage), f"; seed {self.seed}; width {plan.width!r}"
        stage, seed_and_width = self._plan_text
        line = (
            f"{stage}, {kind}; after {history.n_ranked}; trial {number}; attempt {attempt}"
            f"{seed_and_width}"
        )
        if not plan.stage:
            return f"{line}; check {NOTHING}", ()
        depth = 2 * n_best if kind == AROUND_THE_BEST else n_best
        spanning, _, _, ending = self._spanning(history, parameters, depth)
        if n_best:
            line += f"; best {n_best}"
        if chance:
            line += f"; chance {chance!r}"
        return line + ending, spanning

    def _spanning(
        self, history: History, parameters: Mapping[str, Parameter], depth: int
    ) -> _Spanning:
        made = self._made.get(depth)
        if (
            made is not None
            and made[0] is history
            and made[1:3] == (history.version, len(parameters))
        ):
            return made[3]
        spanning = history.spanning(parameters, self._n, depth)
        numbers = tuple([trial.number for trial in spanning])
        digests = history.digests
        if not digests.keys() >= set(numbers):
            if len(digests) > _MOST_DIGESTS:
                digests.clear()
            for trial in spanning:
                if trial.number not in digests:
                    digests[trial.number] = trial_digest(trial.params, parameters)
        check = digest_of(map(digests.__getitem__, numbers))
        found = spanning, numbers, check, f"; trials {numbers_text(numbers)}; check {check}"
        self._made[depth] = history, history.version, len(parameters), found
        return found
