"""`tune-bn watch`: a running study, looked at again and again."""

import logging
import time
from datetime import datetime
from typing import Annotated

import typer

from tune_bn.cli.errors import InputError, end_in_one_line
from tune_bn.cli.report import RunOption, StorageOption, StudyOption
from tune_bn.plain.checks import check_number

__all__ = ["watch"]


def watch(
    run: RunOption = None,
    storage: StorageOption = None,
    study: StudyOption = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    timeout: Annotated[
        float | None, typer.Option(help="Stop watching after so many seconds; 0 looks once.")
    ] = None,
) -> None:
    """Show a running study: trials, stages, the best so far; refreshed until Ctrl-C."""
    with end_in_one_line():
        if (run is None) == (storage is None):
            raise InputError("Watching needs one of --run and --storage. Give exactly one.")
        check_number(InputError, "Watching", "--every", every, above=0)
        from tune_bn.report.results.storages import open_run, open_study, read_study

        logging.getLogger("optuna").setLevel(logging.ERROR)
        opened = open_run(run)[0] if run is not None else open_study(storage or "", study)
        from optuna.exceptions import OptunaError
        from rich.console import Console
        from rich.live import Live
        from sqlalchemy.exc import SQLAlchemyError

        from tune_bn.optuna.origins import Records
        from tune_bn.report.errors import ReportError
        from tune_bn.report.pages.terminal import watch_view

        records = Records()
        end = None if timeout is None else time.monotonic() + timeout
        console = Console(highlight=False)
        with Live(console=console, auto_refresh=False) as live:
            try:
                while True:
                    seen = read_study(opened, records)
                    view = watch_view(seen, datetime.now(), every_s=every)
                    if console.is_dumb_terminal:  # which Live shows nothing before the end
                        console.print(view)
                    else:
                        live.update(view, refresh=True)
                    if end is not None and time.monotonic() + every > end:
                        return
                    time.sleep(every)
            except KeyboardInterrupt:
                return  # the way to stop watching
            except (ReportError, OptunaError, SQLAlchemyError, OSError) as error:
                # Without the error's own text, which may hold the storage's address.
                raise InputError(
                    "Watching needs a storage that answers, but it does not any more "
                    f"({type(error.__cause__ or error).__name__}). Watch again when it does."
                ) from error
