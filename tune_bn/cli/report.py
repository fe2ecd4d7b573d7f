"""`tune-bn report`: the page, or the text, about any search."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tune_bn.cli.errors import InputError, end_in_one_line
from tune_bn.plain.names import STUDY_FILE
from tune_bn.plain.text import error_line, visible

if TYPE_CHECKING:
    from tune_bn.report import Results

__all__ = ["StorageOption", "StudyOption", "read_searches", "report"]

StorageOption = Annotated[
    str | None,
    typer.Option(help="Optuna storage: an address (sqlite:///study.db) or a file's path."),
]
StudyOption = Annotated[
    str | None, typer.Option(help="Name of the study, where the storage holds several.")
]
RunOption = Annotated[Path | None, typer.Option(help="A folder that `tune-bn tune` wrote.")]


def read_searches(
    places: Sequence[str],
    run: Path | None,
    storage: str | None,
    study: str | None,
    ray: Path | None,
    metric: str | None,
    mode: str | None,
    params: str | None,
    scale: Sequence[str],
    time_attr: str | None,
) -> list[tuple["Results", dict[str, Any]]]:
    """Returns the searches that the options name, and what is known beside each."""
    if sum((bool(places), run is not None, storage is not None, ray is not None)) != 1:
        raise InputError(
            "A report needs one of --run, --storage and --ray, or files and folders. "
            "Give exactly one."
        )
    if study is not None and storage is None and not places:
        raise InputError("--study needs --storage beside it.")
    if not (ray or places) and (metric is not None or mode is not None):
        raise InputError("--metric and --mode need --ray or a table of runs beside them.")
    if not (ray or places) and time_attr is not None:
        raise InputError("--time-attr needs --ray or the folder of a Ray experiment beside it.")
    if mode not in (None, "min", "max"):
        raise InputError(f"--mode needs min or max, but got {mode!r}.")
    if not places and (params is not None or scale):
        raise InputError("--params and --scale need a table of runs beside them.")
    if ray is not None:
        from tune_bn.report.results.from_ray import results_of_ray_folder

        found = results_of_ray_folder(ray, metric=metric, mode=mode, time_attr=time_attr)
        return [(found, {})]
    from tune_bn.report.results.storages import open_run, open_study, read_study

    if run is not None:
        opened, summary = open_run(run)
        return [(read_study(opened), dict(summary))]
    if storage is not None:
        return [(read_study(open_study(storage, study)), {})]
    from tune_bn.report.results.places import read_place

    columns = None if params is None else [name.strip() for name in params.split(",")]
    scales = dict(_scale_of(text) for text in scale) or None
    read = [
        read_place(
            place,
            study=study,
            metric=metric,
            mode=mode,
            params=columns,
            scales=scales,
            time_attr=time_attr,
        )
        for place in places
    ]
    return [(results, dict(known)) for results, known in read]


def _scale_of(text: str) -> tuple[str, str]:
    name, _, scale = text.rpartition("=")
    if not name:
        raise InputError(f"--scale needs a parameter and its scale, as lr=log, but got {text!r}.")
    return name, scale


def report(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables of runs (CSV, JSON, Parquet), run folders, Ray folders, Optuna storages; "
            "several are compared.",
            show_default=False,
        ),
    ] = None,
    run: RunOption = None,
    storage: StorageOption = None,
    study: StudyOption = None,
    ray: Annotated[Path | None, typer.Option(help="Folder of a Ray Tune experiment.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Of --ray or a table: the result to rank by.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Of --ray or a table: min or max.")] = None,
    params: Annotated[
        str | None, typer.Option(help="Of a table: the columns that are parameters, as a,b,c.")
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a table: a parameter's scale, as lr=log: linear, log, one-minus-log, choice."
        ),
    ] = None,
    time_attr: Annotated[
        str | None,
        typer.Option(
            help='Of --ray: the result that tells how far a trial trained; "" for none: the value '
            "alone counts."
        ),
    ] = None,
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
        found = read_searches(
            places or [], run, storage, study, ray, metric, mode, params, scale or [], time_attr
        )
        if len(found) > 1:
            if given and not text:
                raise InputError(f"{given[0]} needs one search, but got {len(found)}. Give one.")
            _compare(places or [], [results for results, _ in found], out, as_text=text)
            return
        ((results, summary),) = found
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
        folder = run or Path((places or ["."])[0])
        is_run = (run is not None or bool(places)) and (folder / STUDY_FILE).is_file()
        if is_run:
            from tune_bn.report.results.storages import read_network

            network = dict(read_network(folder)) or None
        place = out or (folder if is_run else Path()) / "report.html"
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


def _compare(
    places: Sequence[str], found: Sequence["Results"], out: Path | None, *, as_text: bool
) -> None:
    """Writes a page about several searches, or prints who was ahead."""
    from tune_bn.report.figures.several import comparable
    from tune_bn.report.pages.comparison import compare, write_comparison
    from tune_bn.report.results.places import names_of

    searches = comparable(dict(zip(names_of(places), found, strict=True)))
    if as_text:
        for sentence in compare(searches):
            print(visible(sentence))
        return
    file = out or Path("report.html")
    try:
        write_comparison(searches, file)
    except OSError as error:
        raise InputError(
            f"--out needs a file that can be written, but {str(file)!r} cannot "
            f"({error_line(error)}). Choose another."
        ) from error
    print(visible(f"{len(searches)} searches in {file}"))
