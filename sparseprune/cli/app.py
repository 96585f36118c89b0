"""The verbs, in the order a model travels. Each imports what it needs when it is called."""

from typing import Annotated

import typer

from sparseprune import __version__
from sparseprune.cli import checks, deployment, networks, pruning, runs, sweeps, timing
from sparseprune.cli.methods import WithMethods
from sparseprune.cli.shell import OVERRIDES

app = typer.Typer(
    name="sparseprune",
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
