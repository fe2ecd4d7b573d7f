"""The stages of a study, from the study alone."""

from typing import TYPE_CHECKING

from optuna.study import StudyDirection
from optuna.trial import TrialState

from tune_bn.core.stages import Mark, Stage, group_stages
from tune_bn.optuna.record import StudyRecord
from tune_bn.optuna.sampler import STAGE_KEY

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["stages"]


def stages(study: "Study") -> list[Stage]:
    """Return the stages of a study: trials, width, window of every parameter, and best value.

    They are worked out from what each trial recorded of its own draw, so any process gets the
    same list, also of a study that several workers run at once, or that has ended. Trials that
    another sampler drew before the first stage form a stage of their own (index −1, ``"given"``);
    a trial that recorded nothing later on, an enqueued one, belongs to the stage before it.

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
    record = StudyRecord(len(study.directions))
    record.catch_up(study, len(trials))
    is_single = len(study.directions) == 1
    values = {t.number: t.values[0] for t in trials if is_single and t.state == TrialState.COMPLETE}
    return group_stages(
        {t.number: Mark.from_json(t.user_attrs.get(STAGE_KEY)) for t in trials},
        record.parameters,
        {t.number: t.params for t in trials},
        values,
        maximize=study.directions[0] == StudyDirection.MAXIMIZE,
    )
