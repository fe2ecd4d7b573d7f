"""The command line, `tune-bn`: one module for each command, none of which knows another.

The frameworks are imported inside the commands, so that `tune-bn --help` answers at once.
"""

from typing import Annotated

import typer

from tune_bn import __version__
from tune_bn.cli.once import OnceEach
from tune_bn.cli.predict import predict
from tune_bn.cli.report import report
from tune_bn.cli.tune import tune
from tune_bn.cli.watch import watch

__all__ = ["app"]

app = typer.Typer(
    name="tune-bn",
    help="Tune a network on your table by a random search that zooms in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # errors stay one plain line
)
# The short lines stand in the list of commands, which is cut at 80 columns.
app.command(short_help="Search, retrain the best, score it on untouched rows.", cls=OnceEach)(tune)
app.command(short_help="Predict the rows of a table with a tuned model.", cls=OnceEach)(predict)
app.command(short_help="Show how a search narrowed, and what to do next.", cls=OnceEach)(report)
app.command(short_help="Show a running study, refreshed until Ctrl-C.", cls=OnceEach)(watch)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"tune-bn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Tune a network on your table by a random search that zooms in."""
