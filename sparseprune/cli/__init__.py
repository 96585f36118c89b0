"""The command line: parse, call, show. Nothing imports it."""

import sys


def main() -> None:
    """Entry point of the ``sparseprune`` command."""
    try:
        from sparseprune.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit(
            f"sparseprune: the command line needs {error.name}, which is not installed; "
            "run: pip install 'sparseprune[all]'"
        )
    from sparseprune.cli import signals

    signals.install()
    app()
