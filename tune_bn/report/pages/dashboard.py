"""The narrowing where people already look: a callback that keeps a figure in optuna-dashboard."""

from typing import TYPE_CHECKING

from tune_bn.core.space import Categorical
from tune_bn.plain.checks import check_whole
from tune_bn.report.errors import ReportError
from tune_bn.report.figures import plot_narrowing, plot_windows
from tune_bn.report.results.source import results_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["DashboardCallback"]

_MOST_PARAMS = 12
_PER_CARD = 3
_WINDOWS_PER_CARD = 4


class DashboardCallback:
    """Saves the narrowing into a study, where optuna-dashboard shows it on the study's first page.

    The dashboard's cards are about 500 pixels high, so each figure holds a few parameters: the
    first twelve, three to a card, and the windows of those with a scale, four to a card. The
    stage of every trial is a user attribute already, and so in the dashboard's table.

    Args:
        every: Save after each so many trials (≥ 1). Saving costs about as long as drawing a
            figure and grows with the number of trials shown, 2,000 at most.

    Raises:
        ReportError: If ``every`` is no integer of at least 1.
        ModuleNotFoundError: If optuna-dashboard is not installed.

    Example:
        >>> import optuna
        >>> from tune_bn.optuna import CoarseToFineSampler
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
        >>> callback = DashboardCallback(every=10)
        >>> study.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2, 20, callbacks=[callback])
    """

    def __init__(self, *, every: int = 10) -> None:
        every = check_whole(ReportError, "DashboardCallback", "every", every, least=1)
        try:
            from optuna_dashboard import save_plotly_graph_object
        except ModuleNotFoundError as error:
            if error.name != "optuna_dashboard":
                raise
            raise ModuleNotFoundError(
                "DashboardCallback needs optuna-dashboard, but it is not installed. "
                "Install it with: pip install optuna-dashboard",
                name="optuna_dashboard",
            ) from error
        self._save = save_plotly_graph_object
        self._every = every

    def __call__(self, study: "Study", trial: "FrozenTrial") -> None:
        """Saves the figures if this trial is one of each ``every``."""
        if (trial.number + 1) % self._every == 0:
            self.save(study)

    def save(self, study: "Study") -> None:
        """Saves the figures now: after a study has ended, say, or of one that ran without it."""
        results = results_of(study)
        names = list(results.space)[:_MOST_PARAMS]
        # The same ids each time: a figure replaces the one before.
        for i, params in enumerate(_parts(names, _PER_CARD)):
            figure = plot_narrowing(results, params=params)
            figure.update_layout(showlegend=False, height=None, margin={"t": 72, "b": 48})
            figure.update_coloraxes(showscale=False)
            self._save(study, figure, graph_object_id=f"tune_bn-narrowing-{i}")
        scaled = [n for n in names if not isinstance(results.space[n], Categorical)]
        for i, params in enumerate(_parts(scaled, _WINDOWS_PER_CARD) if results.stages else []):
            figure = plot_windows(results, params=params, max_stages=4)
            figure.update_layout(height=None)
            self._save(study, figure, graph_object_id=f"tune_bn-windows-{i}")


def _parts(names: list[str], n: int) -> list[list[str]]:
    return [names[i : i + n] for i in range(0, len(names), n)]
