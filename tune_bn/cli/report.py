"""`tune-bn report`: the page, or the text, about any search."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tune_bn.cli.errors import InputError, end_in_one_line
from tune_bn.plain.text import error_line, visible

if TYPE_CHECKING:
    from tune_bn.report import Results

__all__ = ["StorageOption", "StudyOption", "read_search", "report"]

StorageOption = Annotated[
    str | None,
    typer.Option(help="Optuna storage: an address (sqlite:///study.db) or a file's path."),
]
StudyOption = Annotated[
    str | None, typer.Option(help="Name of the study, where the storage holds several.")
]
RunOption = Annotated[Path | None, typer.Option(help="A folder that `tune-bn tune` wrote.")]


def read_search(
    run: Path | None,
    storage: str | None,
    study: str | None,
    ray: Path | None,
    metric: str | None,
    mode: str | None,
) -> tuple["Results", dict[str, Any]]:
    """Returns the search that the options name, and what is known beside it."""
    one_place = InputError("A report needs one of --run, --storage and --ray. Give exactly one.")
    if sum(place is not None for place in (run, storage, ray)) != 1:
        raise one_place
    if study is not None and storage is None:
        raise InputError("--study needs --storage beside it.")
    if ray is None and (metric is not None or mode is not None):
        raise InputError("--metric and --mode need --ray beside them.")
    if mode not in (None, "min", "max"):
        raise InputError(f"--mode needs min or max, but got {mode!r}.")
    if ray is not None:
        from tune_bn.report.results.from_ray import results_of_ray_folder

        return results_of_ray_folder(ray, metric=metric, mode=mode), {}
    from tune_bn.report.results.storages import open_run, open_study, read_study

    if run is not None:
        found, summary = open_run(run)
        return read_study(found), dict(summary)
    if storage is None:
        raise one_place
    return read_study(open_study(storage, study)), {}


def report(
    run: RunOption = None,
    storage: StorageOption = None,
    study: StudyOption = None,
    ray: Annotated[Path | None, typer.Option(help="Folder of a Ray Tune experiment.")] = None,
    metric: Annotated[str | None, typer.Option(help="Of --ray: the result to rank by.")] = None,
    mode: Annotated[str | None, typer.Option(help="Of --ray: min or max.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write: report.html, of --run the one in its folder."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Write only the figure of how it narrowed, as this SVG file."),
    ] = None,
    trial: Annotated[
        int | None, typer.Option(help="Print why the trial with this number was tried.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print it here; write no file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON, for scripts; write no file.")
    ] = False,
) -> None:
    """Show how a search narrowed, what it found, and what to do next: as a page or as text."""
    with end_in_one_line(), warnings.catch_warnings():
        asked = {"--trial": trial is not None, "--figure": figure is not None, "--text": text}
        given = [name for name, is_given in {**asked, "--json": as_json}.items() if is_given]
        if len(given) > 1:
            raise InputError(
                f"A report needs one of --trial, --figure, --text and --json, but got "
                f"{' and '.join(given)}. Give one."
            )
        if figure is not None and figure.suffix != ".svg":
            raise InputError(f"--figure needs a file that ends in .svg, but got {str(figure)!r}.")
        warnings.simplefilter("ignore")  # of frameworks, about their own future
        logging.getLogger("optuna").setLevel(logging.ERROR)
        results, summary = read_search(run, storage, study, ray, metric, mode)
        if trial is not None:
            from tune_bn.report import explain

            print(explain(results, trial))
            return
        if as_json:
            from tune_bn.report.pages.plain_data import report_json

            print(report_json(results, summary))
            return
        if text:
            from rich.console import Console

            from tune_bn.report.pages.terminal import text_report

            Console(highlight=False).print(text_report(results, summary))
            return
        from tune_bn.plain.files import write_atomically
        from tune_bn.report import write_report
        from tune_bn.report.figures.svg import narrowing_svg
        from tune_bn.report.results.wording import count_text

        network: dict[str, Any] | None = None
        if run is not None:
            from tune_bn.report.results.storages import read_network

            network = dict(read_network(run)) or None
        place = out or (run or Path()) / "report.html"
        option, file = ("--figure", figure) if figure is not None else ("--out", place)
        try:
            if figure is not None:
                write_atomically(figure, narrowing_svg(results))
            else:
                write_report(results, place, summary=summary, network=network)
        except OSError as error:
            raise InputError(
                f"{option} needs a file that can be written, but {str(file)!r} cannot "
                f"({error_line(error)}). Choose another."
            ) from error
        print(visible(f"{count_text(len(results.trials), 'trial')} in {file}"))
