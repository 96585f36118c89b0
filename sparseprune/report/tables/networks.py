"""What every network is: size, form, file, where it ran, and whether its export was checked."""

from typing import Any

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network, fraction
from sparseprune.report.tables import Cell, Column, Fold, Table, cells
from sparseprune.report.tables.latency import provider

_SIZES = [
    Column("Network", number=False),
    Column("Form", number=False),
    Column("Coupling", number=False),
    Column("Rounded to"),
    Column("Target ratio"),
    Column("Achieved ratio"),
    Column("Parameters"),
    Column("Non-zero"),
    Column("Operations saved"),
]
_FILES = [
    Column("Network", number=False),
    Column("Id", number=False),
    Column("File", number=False),
    Column("Size"),
    Column("Provider", number=False),
    Column("Nodes claimed"),
    Column("Export parity", number=False),
    Column("Seed"),
]


def tables(facts: Facts) -> list[Table]:
    """A row a network, in two tables: how large it is, and how it is deployed."""
    if not facts.networks:
        return []
    return [
        Table(
            "networks-sizes", "Size of every network", _SIZES, [_size(n) for n in facts.networks]
        ),
        Table(
            "networks-files", "Where and how it runs", _FILES, [_file(n) for n in facts.networks]
        ),
    ]


def _name(network: Network) -> Cell:
    return Cell(network.label, tone="strong" if network.role == "parent" else "", title=network.id)


def _size(network: Network) -> list[Cell]:
    row = network.row
    return cells(
        _name(network),
        _text(row.get("form")),
        Cell(_coupling(row), tone="wrap"),
        words.count(row.get("round_to")),
        _target(row),
        words.percent(row.get("ratio"), 2),
        words.count(row.get("params")),
        words.count(row.get("nonzero")),
        words.percent(row.get("flops_ratio")),
    )


def _file(network: Network) -> list[Cell]:
    row = network.row
    return cells(
        _name(network),
        Cell(network.id, tone="code"),
        Cell(_text(row.get("onnx")), tone="code"),
        words.size(row.get("onnx_bytes")),
        provider(row.get("provider")),
        _claimed(row.get("claimed")),
        parity(row.get("parity")),
        words.count(row.get("seed")),
    )


def _text(value: Any) -> str:
    return words.text(value) or words.MISSING


def _coupling(row: Row) -> str:
    """How channels were tied when pruning, and the rule by which slimming took them out."""
    texts = [words.text(row.get("coupling")), words.text(row.get("rule"))]
    return "; ".join(t for t in texts if t) or words.MISSING


def _target(row: Row) -> str:
    """What was asked for, with the unit it counts; the dense networks were not asked."""
    ratio, unit = words.percent(row.get("target_ratio")), words.text(row.get("unit"))
    return f"{ratio} of {unit}" if unit and ratio != words.MISSING else ratio


def _claimed(value: Any) -> str:
    if not isinstance(value, dict):
        return words.MISSING
    return f"{words.count(value.get('nodes'))} of {words.count(value.get('of'))}"


def parity(value: Any) -> Cell:
    """Largest logit difference between the export and the torch model, against its bound."""
    if not isinstance(value, dict):
        return Cell(words.MISSING)
    found, bound = words.number(value.get("max_abs")), words.number(value.get("bound"))
    if found is None or bound is None:
        return Cell(words.MISSING)
    mark, tone = ("✓", "good") if found <= bound else ("✕", "bad")
    images = words.number(value.get("images"))
    title = "" if images is None else f"checked on {words.plural(int(images), 'picture')}"
    sign = "≤" if found <= bound else ">"
    return Cell(f"{mark} {words.significant(found)} {sign} {words.significant(bound)}", tone, title)


def channels(facts: Facts) -> list[Fold]:
    """Channels before and after, for every network whose row holds them."""
    folds = []
    for index, network in enumerate(facts.pruned):
        record = network.row.get("channels")
        rows = (
            [_channels(k, v) for k, v in sorted(record.items())] if isinstance(record, dict) else []
        )
        if rows:
            columns = [
                Column("Layer", number=False),
                Column("Before"),
                Column("After"),
                Column("Kept"),
            ]
            caption = f"Channels of {network.label}"
            folds.append(Fold(caption, [Table(f"channels-{index}", caption, columns, rows)]))
    return folds


def _channels(layer: Any, value: Any) -> list[Cell]:
    pair = value if isinstance(value, list) and len(value) == 2 else [None, None]
    return cells(
        Cell(str(layer), tone="code"),
        *(words.count(v) for v in pair),
        words.percent(fraction(pair[1], pair[0]), 0),
    )
