"""Results as text for people, readable at 80 columns."""

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sparseprune.records import QUALITIES, Row, quality, score, select

WIDTH = 80


def evaluation(rows: Sequence[Row]) -> str:
    """How good it is per distribution, and what changed against the twin, if there is one."""
    hidden = {row["distribution"]: row for row in select(rows, "hidden_loss")}
    evaluations = select(rows, "evaluation", id="model", runner="accelerated")
    (name,) = {quality(row) for row in evaluations} or {"accuracy"}
    head = ["distribution", QUALITIES[name]]
    if hidden:
        head += ["changed", "difference, 95 % interval (pp)"]
    body = []
    for row in evaluations:
        line = [row["distribution"], f"{float(score(row)):.2%}"]
        if hidden:
            found = hidden[row["distribution"]]
            line += [str(found["flipped"]), _difference(found)]
        body.append(line)
    verdicts = [row["sentence"] for row in select(rows, "verdict")]
    closing = verdicts or ["hidden loss not checked: give the masked checkpoint with --twin"]
    return "\n".join([table(head, body), "", *closing])


def diagnosis(found: dict[str, Any]) -> str:
    """What ``doctor`` found, one fact a line."""
    machine = {key: _words(value) for key, value in found["machine"].items()}
    versions = {key: value or "not installed" for key, value in found["versions"].items()}
    # Nothing to say is said by leaving it out: no reason where the library loads.
    told = {key: value for key, value in found["provider"].items() if value is not None}
    provider = {key: _words(value) for key, value in told.items()}
    parts = {"machine": {**machine, "gpu": found["gpu"]}, "versions": versions}
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key:<18}{value}" for key, value in facts.items())])
        for name, facts in {**parts, "onnxruntime provider": provider}.items()
    )


def size(count: int) -> str:
    """Bytes as "61.2 MiB"."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 2**10:.1f} KiB"


def _difference(row: Row) -> str:
    low, high = 100 * row["low"], 100 * row["high"]
    return f"{100 * row['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else str(value)


def table(
    head: Iterable[str], body: Iterable[Sequence[str]], *, tight: bool = False, left: int = 1
) -> str:
    """Lines of at most WIDTH characters; ``left`` columns are to the left, the others right.

    Columns stand three characters apart; two where it is ``tight``.
    """
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=tight)
    for index, title in enumerate(head):
        # A name is never cut: it is what the reader looks for.
        grid.add_column(title, justify="right" if index >= left else "left", overflow="fold")
    for line in body:
        grid.add_row(*line)
    out = StringIO()
    # Names are shown as they are: brackets and colons in them are no markup.
    Console(file=out, width=WIDTH, markup=False, emoji=False).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
