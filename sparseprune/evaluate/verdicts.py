"""One plain sentence per accelerated network: did the speed-up hide a further loss?"""

from collections.abc import Sequence

from sparseprune.errors import InputError
from sparseprune.evaluate import segments
from sparseprune.evaluate.hidden_loss import interval
from sparseprune.records import Row

LEVEL = 0.95


def verdict(rows: Sequence[Row]) -> Row:
    """The ``verdict`` row of one network, from its ``hidden_loss`` rows, one per distribution.

    It passes unless one of these holds:

    1. a flipped label is unexplained: rounding cannot have flipped it (``hidden_loss.compare``);
    2. on some distribution the interval lies wholly below zero, at a level adjusted for having
       looked at all of them (Bonferroni: error 0.05 divided by their number);
    3. over all distributions the 95 % interval lies wholly below zero. The distributions show the
       same pictures, so their answers are not independent; the mean of the single intervals is
       valid whatever the dependence, since the standard error of a mean is at most the mean of
       the standard errors.

    Raises:
        InputError: no rows, or rows of several networks.
    """
    ids = {row["id"] for row in rows}
    if len(ids) != 1:
        found = ", ".join(sorted(map(str, ids))) or "none"
        raise InputError(f"expected hidden_loss rows of one network, got rows of: {found}")
    total, flipped, unexplained = (
        sum(row[field] for row in rows) for field in ("total", "flipped", "unexplained")
    )
    low, high = (sum(row[end] * row["total"] for row in rows) / total for end in ("low", "high"))
    difference = sum(row["gained"] - row["lost"] for row in rows) / total
    lossy = _worst(rows)
    row: Row = {
        "kind": "verdict",
        "id": ids.pop(),
        "total": total,
        "flipped": flipped,
        "unexplained": unexplained,
        "difference": difference,
        "low": low,
        "high": high,
        "passed": not unexplained and lossy is None and high >= 0,
    }
    return {**row, "sentence": _sentence(row, lossy)}


def _worst(rows: Sequence[Row]) -> Row | None:
    """The row that loses most among those whose adjusted interval lies wholly below zero."""
    level = 1 - (1 - LEVEL) / len(rows)
    lossy = []
    for row in rows:
        low, high = _bounds(row, level)
        if high < 0:
            lossy.append({**row, "low": low, "high": high, "level": level})
    return min(lossy, key=lambda row: float(row["difference"]), default=None)


def _bounds(row: Row, level: float) -> tuple[float, float]:
    """The interval of a row's difference: of pictures, or of pixels, which come in pictures."""
    if "error" in row:
        return segments.interval(row["difference"], row["error"], level)
    return interval(row["gained"], row["lost"], row["total"], level)


def _sentence(row: Row, lossy: Row | None) -> str:
    changed = f"{_count(row['flipped'])} of {_count(row['total'])} predictions changed"
    if row["passed"]:
        if not row["flipped"]:
            return f"no further loss found: {changed}"
        return f"no further loss found: {changed}, all near ties; difference {_difference(row)}"
    if row["unexplained"]:
        changed += f", {_count(row['unexplained'])} of them no near ties"
    if lossy is not None:
        return f"FURTHER LOSS: {changed}; accuracy on {lossy['distribution']} {_lower(lossy)}"
    if row["high"] < 0:
        return f"FURTHER LOSS: {changed}; accuracy over all distributions {_lower(row)}"
    return f"NOT THE SAME NETWORK: {changed}; difference {_difference(row)}"


def _difference(row: Row) -> str:
    return f"{_points(row['difference'])} pp ({_interval(row)})"


def _lower(row: Row) -> str:
    return f"{-100 * row['difference']:.2f} pp lower ({_interval(row)})"


def _interval(row: Row) -> str:
    level = f"{100 * row.get('level', LEVEL):.4g} %"
    return f"{level} interval {_points(row['low'])} to {_points(row['high'])}"


def _points(fraction: float) -> str:
    """Percentage points, signed; what rounds to nothing is +0.00."""
    text = f"{100 * fraction:+.2f}"
    return text if float(text) else "+0.00"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")
