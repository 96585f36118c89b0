"""The page of a sweep: what its runs found, averaged over seeds (paper 1.5 and 1.6)."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sparseprune.files import replacing
from sparseprune.records import Row, read, select
from sparseprune.report import words
from sparseprune.report.page import style, template
from sparseprune.report.tables import Cell, Column, Fold, Table, cells

_READING = (
    "The prune potential is the largest share of the parameters that can go at no more than the "
    "margin’s loss of accuracy against the dense parent of the same seed, on the same pictures. "
    "Mean ± standard deviation over seeds; the least of a set of distributions is taken within "
    "each seed, then averaged. Of each pair, train and test set, the lower one is bold."
)


def build(sweep: Path) -> Path:
    """Write ``summary.html`` into a sweep's folder from its summary rows; return its path.

    Raises:
        InputError: the folder holds no summary.
    """
    rows = read(sweep / "records" / "summary.jsonl")
    page = sweep / "summary.html"
    runs = sorted(path.name for path in (sweep / "runs").glob("*") if (path / "records").is_dir())
    with replacing(page) as temporary:
        temporary.write_text(render(rows, sweep.resolve().name, runs), encoding="utf-8")
    return page


def render(rows: Sequence[Row], name: str, runs: Sequence[str]) -> str:
    """The page as text; the same rows give the same bytes."""
    shown = [row for row in rows if row.get("runner") == "accelerated"]
    return template("sweep.html.j2").render(
        style=style(),
        name=name,
        reading=_READING,
        tables=[t for t in (_overall(shown), *_by_distribution(shown), _slopes(shown)) if t.rows],
        folds=[Fold("Accuracy of every network", list(_accuracies(shown)))],
        runs=runs,
    )


def spread(row: Row | None) -> str:
    """A mean and its standard deviation, in per cent."""
    if row is None:
        return words.MISSING
    return f"{words.decimal(row['mean'], 1, 100)} ± {words.decimal(row['std'], 1, 100)}"


def _overall(rows: Sequence[Row]) -> Table:
    """A row for each network and method: mean and least potential on both sets."""
    found = select(rows, "seed_overall")
    body = []
    for model, method in _pairs(found, "model", "method"):
        line = cells(Cell(f"{model}, {words.method(method)}"))
        for statistic in ("mean", "least"):
            mine = select(found, "seed_overall", model=model, method=method, statistic=statistic)
            line += _lower_bold({row["set"]: row for row in mine})
        body.append(line)
    heads = ("Mean, train set", "Mean, test set", "Least, train set", "Least, test set")
    columns = [Column("Network", number=False), *(Column(head, unit="%") for head in heads)]
    return Table("overall", "Average and least prune potential", columns, body)


def _lower_bold(sets: dict[str, Row]) -> list[Cell]:
    lowest = min((row["mean"] for row in sets.values()), default=None)
    return [
        Cell(spread(row), tone="strong" if row and len(sets) > 1 and row["mean"] == lowest else "")
        for row in (sets.get("train"), sets.get("test"))
    ]


def _by_distribution(rows: Sequence[Row]) -> Iterable[Table]:
    found = select(rows, "seed_potential")
    for (model,) in _pairs(found, "model"):
        mine = select(found, "seed_potential", model=model)
        caption = f"Prune potential of {model}"
        yield _grid(f"potential-{model}", caption, mine, "method", words.method)


def _slopes(rows: Sequence[Row]) -> Table:
    """The study's line through the origin, at a ratio of 100 %."""
    body = [
        cells(
            f"{row['model']}, {words.method(row['method'])}",
            words.points(row["value"]),
            words.count(row["networks"]),
        )
        for row in select(rows, "excess_slope")
    ]
    columns = [
        Column("Network", number=False),
        Column("Difference at 100 %", unit="pp"),
        Column("Networks"),
    ]
    caption = "Rise of the difference in excess error with the prune ratio, over all seeds"
    return Table("excess-slope", caption, columns, body)


def _accuracies(rows: Sequence[Row]) -> Iterable[Table]:
    found = select(rows, "seed_accuracy")
    for model, id in _pairs(found, "model", "id"):
        mine = select(found, "seed_accuracy", model=model, id=id)
        caption = f"{model}, {id}"
        yield _grid(f"accuracy-{model}-{id}", caption, mine, "id", str)


def _grid(
    name: str, caption: str, rows: Sequence[Row], across: str, title: Callable[[str], str]
) -> Table:
    """A row for each distribution, a column for each value of ``across``."""
    values = [value for (value,) in _pairs(rows, across)]
    by_place = {(row["distribution"], row[across]): row for row in rows}
    body = [
        cells(words.distribution(shift), *(spread(by_place.get((shift, v))) for v in values))
        for (shift,) in _pairs(rows, "distribution")
    ]
    columns = [Column(title(value), unit="%") for value in values]
    return Table(name, caption, [Column("Distribution", number=False), *columns], body)


def _pairs(rows: Iterable[Row], *keys: str) -> list[tuple[str, ...]]:
    """The combinations there are of these fields, in order of appearance."""
    return list(dict.fromkeys(tuple(str(row[key]) for key in keys) for row in rows))
