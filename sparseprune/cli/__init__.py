"""The command line: parse, call, show. Nothing imports it."""

import signal
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
    # A terminated run ends as an interrupted one does, and so do its workers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()
