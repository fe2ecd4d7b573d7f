"""A command whose options may each be given once: a second value is refused, not preferred."""

from typing import Any

from typer.core import TyperCommand

from tune_bn.cli.errors import InputError, end_in_one_line

__all__ = ["OnceEach"]


class OnceEach(TyperCommand):
    """A command of Typer's; by itself it takes the last of several values and drops the others."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line after a look at how often each option stands in it."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        seen = set()
        for option in given:
            if option in seen and not getattr(option, "multiple", False):
                with end_in_one_line():
                    raise InputError(
                        f"{option.opts[0]} needs to be given once, but it was given several "
                        "times. Leave out all but one."
                    )
            seen.add(option)
        return super().parse_args(ctx, args)
