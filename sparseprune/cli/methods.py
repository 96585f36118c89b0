"""The methods in the help of ``prune``, as the registry has them."""

from typing import Any

from typer.core import TyperCommand


class WithMethods(TyperCommand):
    """A verb whose help ends with the methods; the registry is read only if that is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write each method's name and what it scores by."""
        from sparseprune.prune import METHODS

        lines = [(name, f"{it.words}{_NEEDS[it.needs]}") for name, it in METHODS.items()]
        with formatter.section("Methods"):
            formatter.write_dl(lines)


_NEEDS = {
    "nothing": "",
    "inputs": " (of held-out pictures)",
    "labels": " (of held-out pictures and labels)",
}
