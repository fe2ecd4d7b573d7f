"""The stages of a study, from the study alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.stages import Stage, group_stages
from tune_bn.optuna.origins import Records, latest_parameters
from tune_bn.optuna.record import ranked_trial

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["stages", "stages_of"]


def stages(study: "Study") -> list[Stage]:
    """Returns the stages of a study: trials, width, window of every parameter, and best value.

    They are worked out from what each trial recorded of its own draw, so any process gets the
    same list, also of a study that several workers run at once, or that has ended. Trials that
    another sampler drew before the first stage form a stage of their own (index −1,
    ``"earlier trials"``, or ``"given"`` where all were enqueued); a trial that recorded nothing
    later on, an enqueued one, belongs to the stage before it.

    In a notebook the list shows itself as a table.

    Args:
        study: Any study. One that no `CoarseToFineSampler` touched is a single stage.

    Example:
        >>> import optuna
        >>> from tune_bn.optuna import CoarseToFineSampler
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
        >>> study.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2, n_trials=15)
        >>> [(s.name, len(s.trials)) for s in stages(study)]
        [('coarse', 8), ('fine 1', 5), ('fine 2', 2)]
    """
    trials = study.get_trials(deepcopy=False)
    return stages_of(study, trials, *Records().of(trials))


def stages_of(
    study: "Study",
    trials: Sequence[FrozenTrial],
    marks: Mapping[int, Mark | None],
    origins: Mapping[int, Origin],
) -> list[Stage]:
    """Returns what `stages` returns, of a study that was read already.

    Args:
        study: The study.
        trials: All of its trials.
        marks: What each of them recorded, by number.
        origins: Where those that recorded something were drawn from, by number.
    """
    is_single = len(study.directions) == 1
    complete = [t for t in trials if is_single and t.state == TrialState.COMPLETE]
    ranked = [ranked_trial(study.directions, t) for t in complete]
    return group_stages(
        marks,
        origins,
        latest_parameters(trials),
        {t.number: t.params for t in trials},
        [t for t in ranked if t is not None],
        maximize=study.directions[0] == StudyDirection.MAXIMIZE,
    )
