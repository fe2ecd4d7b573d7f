"""How a search algorithm is saved and restored: its whole state as JSON (`tune_bn.ray.saved`)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.errors import StateError
from tune_bn.core.search.state import decode_seed, encode_params
from tune_bn.plain.files import write_atomically
from tune_bn.plain.reading import UNREADABLE, brief, decode_number, encode_number
from tune_bn.ray.catching_up import CatchingUp
from tune_bn.ray.ends import Spans
from tune_bn.ray.folder import FolderTrial, recorded_trials, saved_states
from tune_bn.ray.objectives import check_objectives, names_of
from tune_bn.ray.saved import (
    decode,
    decode_last,
    decode_past,
    decode_spans,
    encode,
    encode_last,
    encode_past,
    encode_spans,
)
from tune_bn.ray.space import Space
from tune_bn.ray.tree import NotPlainError, decode_tree, encode_tree
from tune_bn.ray.waiting import NEEDS_SPACE, known_budget

__all__ = ["Saving"]

logger = logging.getLogger(__name__)


class Saving(CatchingUp):
    """The part of a search algorithm that saves and restores it."""

    # The file is JSON; Ray's own search algorithms pickle.
    CKPT_FILE_TMPL = "searcher-state-{}.json"
    _is_resumed = False  # whether trials of an earlier session may still run

    _is_whole: bool
    _iterations: dict[str, Any]
    _spans: dict[str, Spans]
    _stop: dict[str, float]

    def save(self, checkpoint_path: str) -> None:
        """Writes the state as JSON, whole or not at all.

        Raises:
            StateError: If the space is not known yet, and points hold what JSON cannot.
            OSError: If the file cannot be written.
        """
        tree = outline = None
        if self._space is not None:
            try:
                tree = encode_tree(self._space.tree)
            except NotPlainError:
                outline = encode_tree(self._space.tree, names_only=True)  # to be read
                # Whoever restores it to draw brings the space.
        if self._unread is not None:
            raise StateError(NEEDS_SPACE)
        parameters = self._space.parameters if self._space is not None else {}
        head = {
            "metric": self._metric,
            "mode": self._mode,
            "seed": self._seed,
            "narrowing": self._narrowing and self._narrowing.to_json(),
            "time_attr": self._time_attr,
            "stop": {name: encode_number(bound) for name, bound in self._stop.items()},
            "num_samples": self._n_samples,
            "is_whole": self._is_whole,
            "has_space": self._space is not None,
            "space": tree,
            "outline": outline,
            "spans": {trial_id: encode_spans(of) for trial_id, of in self._spans.items()},
            "last": {i: encode_last(p, v) for i, (p, v) in self._last.items()},
            "raw_points": self._raw_points,
            "raw_past": [encode_past(p, p.config) for p in self._raw_past],
            "points": [encode_params(parameters, p) for p in self._points],
            "past": [encode_past(p, encode_params(parameters, p.config)) for p in self._past],
        }
        search = None if self._search is None else self._search.to_json()
        text = encode(head, self._encoded_numbers, search)
        write_atomically(checkpoint_path, text)

    def restore(self, checkpoint_path: str) -> None:
        """Continues from a saved state; all of this object's own is replaced by it.

        The space is in the file unless it holds objects or ``sample_from``; then pass it before
        or after, in the constructor or by ``set_search_properties``.

        Raises:
            StateError: If the file is no saved state, or does not fit the space; this object is
                then as it was.
            OSError: If the file cannot be read.
        """
        self._restore(Path(checkpoint_path).read_bytes().decode("utf-8", "replace"))

    def _restore(self, text: str) -> None:
        before = dict(self.__dict__)
        try:
            self._continue(decode(text))
        except BaseException as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            if isinstance(error, StateError) or not isinstance(error, UNREADABLE):
                raise
            raise StateError(f"The saved search cannot be read: {brief(error)}.") from error

    def _continue(self, state: dict[str, Any]) -> None:
        metric, mode = state["metric"], state["mode"]
        check_objectives(metric, mode)
        if not all(isinstance(name, str) for name in names_of(metric)):
            raise ValueError(f"the metric is {metric!r}")
        self._metric, self._mode = metric, mode
        self._seed = decode_seed(state["seed"])
        time_attr = state["time_attr"]
        self._time_attr = None if time_attr is None else str(time_attr)
        self._stop = {str(name): float(bound) for name, bound in state.get("stop", {}).items()}
        narrowing = state["narrowing"]
        self._narrowing = None if narrowing is None else Narrowing.from_json(narrowing)
        n_samples = state["num_samples"]
        self._n_samples = None if n_samples is None else known_budget(decode_number(n_samples))
        self._latest = None
        self._iterations, self._records = {}, ()
        self._numbers, self._encoded_numbers = {}, []
        for trial_id, number in state["numbers"].items():
            self._note(trial_id, decode_number(number))
        self._last = {i: decode_last(of) for i, of in state["last"].items()}
        self._spans = {i: decode_spans(of) for i, of in state.get("spans", {}).items()}
        self._raw_points = [dict(point) for point in state["raw_points"]]
        self._raw_past = [decode_past(p) for p in state["raw_past"]]
        self._search, self._points, self._past = None, [], []
        self._unread = state if state["has_space"] else None
        if self._unread is None and (self._numbers or state["search"] is not None):
            raise ValueError("it has trials, but no space")
        if self._space is None:
            self._is_whole = bool(state["is_whole"])
            if state["space"] is not None:
                self._space = Space(decode_tree(state["space"]))
        elif state["space"] is not None:
            self._space.take_names(Space(decode_tree(state["space"])))
        if self._space is not None:
            self._set_space(self._space)
        for past in (*self._past, *self._raw_past):
            if self._metrics and past.values and len(past.values) != len(self._metrics):
                raise ValueError(f"a past result has the values {past.values!r}")

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Continues from the newest state in an experiment's folder; catches up with its trials.

        A driver that was killed while Tune saved may leave a state that is cut off, or older than
        the trials. Of several states the newest that can be read counts; a trial that the folder
        knows better is learned from there, so that no result is lost and no draw repeated. Where
        no state can be read, but the space is known, the search begins anew with what the folder
        says of the trials.

        Raises:
            RuntimeError: If there is no state.
            StateError: If none can be read and the space is not known, or none fits the space.
            OSError: If a file cannot be read.
        """
        states = saved_states(checkpoint_dir)
        if not states:
            pattern = self.CKPT_FILE_TMPL.format("*")
            raise RuntimeError(
                f"CoarseToFineSearch needs a file {pattern!r} to restore, but there is none in "
                f"{str(checkpoint_dir)!r}. Give the folder of an experiment."
            )
        self.restore_experiment(states, recorded_trials(checkpoint_dir))
        self._is_resumed = True

    def restore_experiment(
        self,
        states: Mapping[str, Callable[[], str]],
        trials: Sequence[FolderTrial],
        *,
        for_reading: bool = False,
    ) -> None:
        """Does what `restore_from_dir` does with states and trials that were read already.

        Args:
            states: The states by name, the newest first; each as a function that returns its text.
            trials: What Tune itself saved of the trials.
            for_reading: Whether nothing will be drawn any more, so that the names of objects in
                the space do as well as the objects.

        Raises:
            StateError: If no state can be read and the space is not known, or none fits the space.
            OSError: If a state cannot be read.
        """
        failures: list[StateError] = []
        for place, (name, read) in enumerate(states.items()):
            try:
                self._restore(read())
                break
            except StateError as error:
                failures.append(error)
                if place < len(states) - 1:
                    logger.warning("%s cannot be read; an older state is taken.", name)
        else:
            if self._space is None or not trials or not _are_cut(states):
                raise failures[0]
            logger.warning(
                "No state of the search can be read; it begins anew with what Tune saved of trials."
            )
        if for_reading and self._unread is not None and self._unread.get("outline") is not None:
            self._set_space(Space(decode_tree(self._unread["outline"])))
        self._records = trials
        self._learn_records()


def _are_cut(states: Mapping[str, Callable[[], str]]) -> bool:
    """Tells whether no state is one at all, as when a driver died while it was written."""
    for read in states.values():
        try:
            decode(read())
        except StateError:
            continue
        return False
    return True
