"""The verbs, in the order a model travels. Each imports what it needs when it is called."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sparseprune import __version__
from sparseprune.cli import checks, deployment, networks, pruning, runs, sweeps, timing
from sparseprune.cli.methods import WithMethods
from sparseprune.cli.shell import BAD_INPUT, OVERRIDES, print_error

_AS_JSON = f"{__name__}.json"
# Where the class itself lies depends on the version of typer.
_USAGE: Any = typer.BadParameter.__base__


class _Verbs(TyperGroup):
    """Says what is wrong with a command as JSON too, where that was asked for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_AS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _USAGE as error:
            if ctx.meta[_AS_JSON]:
                print_error(error.format_message(), BAD_INPUT)
            raise


app = typer.Typer(
    name="sparseprune",
    cls=_Verbs,
    help="Prune a network, run it truly faster, check what the speed-up hides.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sparseprune {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command(context_settings=OVERRIDES)(runs.run)
app.command(context_settings=OVERRIDES)(sweeps.sweep)
app.command(context_settings=OVERRIDES)(networks.train)
app.command(cls=WithMethods, context_settings=OVERRIDES)(pruning.prune)
app.command()(networks.slim)
app.command()(deployment.export)
app.command(context_settings=OVERRIDES)(checks.evaluate)
app.command()(checks.inspect)
app.command()(timing.bench)
app.command()(checks.explain)
app.command()(runs.report)
app.command()(checks.doctor)
