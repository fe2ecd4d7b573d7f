"""Starts the command line: `tune-bn`, or `python -m tune_bn`."""

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command that ``sys.argv`` names and exits; says which extra is missing."""
    try:
        try:
            import rich
            import typer
        except ModuleNotFoundError as error:
            sys.exit(_missing(error))
        del rich, typer  # only looked for: a defect of ours is not taken for a missing extra
        from tune_bn.cli import app
    except KeyboardInterrupt:
        print("tune-bn: Stopped before anything was changed.", file=sys.stderr)
        sys.exit(130)
    app()


def _missing(error: ModuleNotFoundError) -> int:
    print(
        f"tune-bn: The command line needs the package {error.name!r}, but it is not installed. "
        "Run: pip install 'tune-bn[cli]'",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    main()
