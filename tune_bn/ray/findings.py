"""What a search has found so far, for those who read it: people, callbacks, reports."""

from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.stages import Stage
from tune_bn.core.search.records import Finished, Suggestion
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Parameter
from tune_bn.ray.space import Space

__all__ = ["Findings"]


class Findings:
    """The part of a search algorithm that changes nothing."""

    _seed: int
    _space: Space | None
    _search: CoarseToFine | None
    _numbers: dict[str, int]
    _latest: Suggestion | None

    @property
    def seed(self) -> int:
        """The seed; where none was given, the one that was taken from the operating system."""
        return self._seed

    @property
    def space(self) -> dict[str, Parameter]:
        """The parameters by flat name; empty as long as Tune has not told the space."""
        return dict(self._space.parameters) if self._space is not None else {}

    @property
    def trials(self) -> list[Finished]:
        """All trials that have ended, in order of their numbers, with flat parameter names."""
        return self._search.trials if self._search is not None else []

    @property
    def best(self) -> Finished:
        """The best trial: furthest, then by value.

        Raises:
            ValueError: If no trial has finished with a value.
        """
        if self._search is None:
            raise ValueError(
                "CoarseToFineSearch.best needs a finished trial, but there is none yet."
            )
        return self._search.best

    @property
    def latest(self) -> Suggestion | None:
        """The last suggestion since this object was made or restored."""
        return self._latest

    @property
    def trial_ids(self) -> dict[int, str]:
        """Tune's id for the number of each trial that Tune ran."""
        return {number: trial_id for trial_id, number in self._numbers.items()}

    def number(self, trial_id: str) -> int:
        """Returns the number of a trial of Tune's.

        Raises:
            KeyError: If the search does not know it.
        """
        return self._numbers[trial_id]

    def mark(self, number: int) -> Mark | None:
        """Returns what a trial recorded of its own draw; None if it was not drawn here.

        Raises:
            KeyError: If there is no trial with this number.
        """
        if self._search is None:
            raise KeyError(number)
        return self._search.mark(number)

    def stage(self, number: int) -> int | None:
        """Returns the index of the stage that drew a trial, as `stages` counts; None if none did.

        Raises:
            KeyError: If there is no trial with this number.
        """
        mark = self.mark(number)
        if mark is None or self._search is None or self.is_given(number):
            return None
        return self._search.counted(mark.stage)

    def is_given(self, number: int) -> bool:
        """Tells whether all values of a trial were given, so that no stage drew it.

        Raises:
            KeyError: If there is no trial with this number.
        """
        mark = self.mark(number)
        if mark is None or self._search is None:
            return True
        return self._search.params(number).keys() <= set(mark.given)

    def origins(self) -> dict[int, Origin]:
        """Returns where each trial was drawn from, by number, of those that recorded it."""
        return self._search.origins() if self._search is not None else {}

    def stages(self) -> list[Stage]:
        """Returns the stages so far: trials, width, windows, and best value of each."""
        return self._search.stages() if self._search is not None else []
