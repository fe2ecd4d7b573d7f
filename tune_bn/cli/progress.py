"""Where a run stands, while it runs: a bar on a terminal, a line for each trial elsewhere.

On stderr, so that what a command prints at its end can be piped on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from tune_bn.plain.text import state_text, visible

if TYPE_CHECKING:
    from tune_bn.tuning.folder.tally import Progress as RunProgress

__all__ = ["show_progress"]

_QUIET_S = 10.0  # after which a log says how long all will take
_PHASES = {
    "search": "Searching",
    "final": "Comparing the best",
    "test": "Training and scoring the chosen network",
}
_STEPS = {"final": "fit", "test": "step"}


@contextmanager
def show_progress(
    metric: str, console: Console | None = None
) -> Iterator[Callable[["RunProgress"], None]]:
    """Yields what a run is to call; shows a bar if the console is a terminal.

    Args:
        metric: Its name, shown with the best value.
        console: Where to show; None: stderr.
    """
    console = console or _PatientConsole(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:  # which shows no bar that moves
        yield _Lines(metric, console)
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[about]}", markup=False),
        console=console,
        transient=True,
    )
    with bar:
        yield _Bar(metric, bar)


class _PatientConsole(Console):
    """A console that falls silent when nobody reads any more; Rich would end the program."""

    def on_broken_pipe(self) -> None:
        """Prints nothing from now on."""
        self.quiet = True


class _Bar:
    def __init__(self, metric: str, bar: Progress) -> None:
        self._metric, self._bar = metric, bar
        self._task = bar.add_task("Searching", total=None, about="")

    def __call__(self, at: "RunProgress") -> None:
        about = [f"{at.finished}/{at.trials}", *_about(at, self._metric)]
        if at.left_s is not None:
            about.append(f"{_clock(at.left_s)} left")
        self._bar.update(
            self._task,
            description=_PHASES.get(at.doing, at.doing),
            total=at.trials,
            completed=at.finished,
            about=" · ".join(about),
        )


class _Lines:
    def __init__(self, metric: str, console: Console) -> None:
        self._metric, self._console = metric, console
        self._phase, self._is_quiet = "search", True

    def __call__(self, at: "RunProgress") -> None:
        if at.doing != self._phase:
            self._phase = at.doing
            self._print(f"{_PHASES.get(at.doing, at.doing)} …")
        if at.doing in _STEPS and at.left_s is not None:
            words = [f"{_STEPS[at.doing]} {at.finished}/{at.trials}", *_about(at, self._metric)]
            self._print(" · ".join([*words, f"{_clock(at.left_s)} left"]))
        if at.ended is None:
            is_long = at.elapsed_s > _QUIET_S and at.finished == 0
            if self._is_quiet and is_long and at.left_s is not None:
                self._print(f"a first trial is being trained · {_clock(at.left_s)} left")
                self._is_quiet = False
            return
        self._is_quiet = False
        how = f"trial {at.ended.number} {state_text(at.ended.state)}"
        words = [f"{at.finished}/{at.trials} trials", *_about(at, self._metric), how]
        if at.ended.value is not None:
            words[-1] += f" at {at.ended.value:.4g}"
        if at.ended.reason is not None:
            words[-1] += f" ({at.ended.reason})"
        if at.left_s is not None:
            words.append(f"{_clock(at.left_s)} left")
        self._print(" · ".join(words))

    def _print(self, line: str) -> None:
        with suppress(OSError):  # a run does not depend on somebody listening
            self._console.print(visible(line), markup=False, soft_wrap=True)


def _about(at: "RunProgress", metric: str) -> list[str]:
    words = []
    if at.stage is not None:
        words.append(at.stage)
    if at.best is not None:
        words.append(f"best {metric} {at.best:.4f}")
    return words


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
