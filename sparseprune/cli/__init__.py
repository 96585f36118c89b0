"""The command line: parse, call, show. Nothing imports it."""

import sys

from sparseprune.errors import how_to_install


def main() -> None:
    """Entry point of the ``sparseprune`` command."""
    try:
        from sparseprune.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit(f"sparseprune: the command line needs {error.name}, {how_to_install(error.name)}")
    from sparseprune.cli import signals

    signals.install()
    app()
