"""Rows as text, 80 columns wide, beside the goals."""

from collections.abc import Iterable
from itertools import groupby

from sparseprune.records import Row

WIDTH = 80


def text(rows: Iterable[Row]) -> str:
    """A block for each case: who, at which zeros, the median, the ratio and the goal."""
    lines: list[str] = []
    rows = [row for row in rows if row["kind"] != "run"]
    for case, group in groupby(rows, key=lambda row: row["case"]):
        found = list(group)
        lines += ["", f"{case:<34}{unit(found[0])[0]:>9}{'ratio':>8}{'interval':>15}{'goal':>7}"]
        lines += [_line(row) for row in found]
    return "\n".join(lines)


def unit(row: Row) -> tuple[str, float]:
    """In which unit times are shown, and its microseconds: layers on a GPU take few."""
    return ("us", 1) if "gpu" in row else ("ms", 1e3)


def verdict(row: Row) -> str | None:
    """How a row with a goal stands: "reached", "missed" or "left to the CPU provider"."""
    if row["kind"] != "timing" or row["goal"] is None:
        return None
    if row["zeros"] == "0" and not row.get("claimed", [1])[0]:
        return "left to the CPU provider"
    return "reached" if row["ratio"] >= row["goal"] else "missed"


def who(row: Row) -> str:
    """The contestant: peer, zeros, and a precision that is not float32."""
    zeros, precision = row["zeros"], row.get("precision", "f32")
    pruned = "" if zeros == "0" else f" {zeros.replace('x', ' % in blocks of ')}"
    pruned += " %" if pruned and "x" not in zeros else ""
    return row["peer"] + pruned + ("" if precision == "f32" else f" ({precision})")


def _line(row: Row) -> str:
    name = f"  {who(row):<32}"
    if row["kind"] == "missing":
        # Of another's error as much as the line has room for; rows hold all of it.
        return f"{name}{'missing: ' + row['reason']:>9}"[:WIDTH]
    if row["kind"] == "footprint":
        return name + _footprint(row)
    if row["kind"] == "checked":
        return f"{name}right, error {row['error']:.1e}"
    if row["kind"] == "ceiling":
        return name + ceiling(row)
    numbers = f"{row['median_us'] / unit(row)[1]:9.3f}{ratio(row):>8}"
    interval = f"{row['ratio_low']:.2f}-{row['ratio_high']:.2f}" if "ratio_low" in row else ""
    goal = "" if row["goal"] is None else f"{row['goal']:g}"
    mark = {"missed": " <", "reached": "", "left to the CPU provider": " =", None: ""}
    return f"{name}{numbers}{interval:>15}{goal:>7}{mark[verdict(row)]}".rstrip()


def ratio(row: Row) -> str:
    """To the base; nothing where the base could not run."""
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def ceiling(row: Row) -> str:
    """What of a GPU was reached, and in which time."""
    if "median_us" not in row:
        return "runs"
    rates = {"tb_per_s": "TB/s", "tflop_per_s": "TFLOP/s"}
    found = [f"{row[name]:.3g} {unit}" for name, unit in rates.items() if row[name]]
    return ", ".join([f"{row['median_us']:.2f} us", *found])


def _footprint(row: Row) -> str:
    memory = row["memory_bytes"]
    grown = "?" if memory is None else f"{memory / 2**20:.0f} MiB"
    return f"load {row['load_ms']:.0f} ms, first call {row['first_ms']:.0f} ms, {grown}"
