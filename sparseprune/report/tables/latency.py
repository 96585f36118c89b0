"""Latency, speed-up, memory and file size of every timed network."""

from sparseprune.records import Row
from sparseprune.report import words
from sparseprune.report.facts import Facts, Network
from sparseprune.report.tables import Cell, Column, Table, cells

_COLUMNS = [
    Column("Network", number=False),
    Column("Median"),
    Column("10 % to 90 %"),
    Column("Speed-up"),
    Column("Interval"),
    Column("Memory"),
    Column("File"),
    Column("Load", unit="ms"),
    Column("Provider", number=False),
]


def table(facts: Facts) -> Table | None:
    """A row a network with a latency row."""
    timed = [n for n in facts.networks if n.id in facts.latencies]
    if not timed:
        return None
    rows = [_row(facts, n, facts.latencies[n.id]) for n in timed]
    return Table("latency-table", f"Latency and memory, {setting(facts)}", _COLUMNS, rows)


def setting(facts: Facts) -> str:
    """Under what conditions the latencies were taken."""
    first = next(iter(facts.latencies.values()), {})
    threads, batch = words.number(first.get("threads")), words.number(first.get("batch"))
    threads_text = "all threads" if threads is None else words.plural(int(threads), "thread")
    batch_text = "" if batch is None else f", batches of {words.plural(int(batch), 'picture')}"
    return threads_text + batch_text.replace("batches of 1 picture", "one picture at a time")


def _row(facts: Facts, network: Network, row: Row) -> list[Cell]:
    low, high = (words.times(row.get(f"speedup_{end}")) for end in ("low", "high"))
    reference = network.id == row.get("baseline")
    return cells(
        Cell(network.label, tone="strong" if reference else "", title=network.id),
        words.duration(row.get("median_us")),
        words.between(words.duration(row.get("p10_us")), words.duration(row.get("p90_us"))),
        Cell("1× (reference)") if reference else speed(facts, network),
        words.MISSING if reference else words.between(low, high),
        words.size(row.get("memory_bytes")),
        words.size(row.get("file_bytes")),
        words.decimal(row.get("load_ms"), 1),
        Cell(provider(row.get("provider")), title=words.text(row.get("provider"))),
    )


def speed(facts: Facts, network: Network) -> Cell:
    """A speed-up; slower than dense is said in words, not by colour alone."""
    text, pace = words.times(facts.latency(network, "speedup")), facts.pace(network)
    if pace == "slower":
        return Cell(f"{text} slower", tone="bad")
    return Cell(f"{text} ≈ dense" if pace == "same" else text)


def provider(name: object) -> str:
    """An ONNX Runtime provider without its suffix."""
    return (words.text(name) or words.MISSING).removesuffix("ExecutionProvider")
