"""Tables as values; the template alone knows HTML. One module a table."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One cell. ``tone`` is a style class of the page; ``title`` shows under the pointer."""

    text: str
    tone: str = ""
    title: str = ""


@dataclass(frozen=True)
class Column:
    """A column head; ``number`` aligns to the right."""

    title: str
    number: bool = True
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """``rows`` of cells or plain strings; the first cell of a row names it."""

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Fold:
    """Something shown on request."""

    summary: str
    tables: list[Table] = field(default_factory=list)


def cells(*values: "str | Cell") -> list[Cell]:
    """A row from strings and ready cells."""
    return [v if isinstance(v, Cell) else Cell(v) for v in values]
