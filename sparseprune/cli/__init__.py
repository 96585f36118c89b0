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
    # A terminated run lets go of its workers as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app()
