"""``python -m sparseprune``: the command line without its script."""

from sparseprune.cli import main

main()
