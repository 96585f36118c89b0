"""Numbers and names as people read them. Anything that is not a finite number becomes a dash."""

import math
from typing import Any

MISSING = "–"
# A narrow no-break space keeps "80 %" and "42 000" on one line.
SPACE = "\u202f"
_MINUS = "\u2212"
_NAMES = {
    "clean": "Clean test pictures",
    "noise": "Uniform noise",
    "jpeg_compression": "JPEG compression",
}
_METHODS = {
    "WT": "single weights",
    "SiPP": "single weights",
    "SiPPRand": "single weights, drawn",
    "SiPPHybrid": "single weights, kept or drawn",
    "SNIP": "single weights",
    "Taylor": "single weights",
    "LAMP": "single weights",
    "Random": "single weights at random",
    "FT": "whole filters",
    "SoftFilter": "whole filters",
    "RandomFilter": "whole filters at random",
    "TaylorFilter": "whole filters",
    "ThiNet": "whole channels",
    "PFP": "whole channels",
    "PFPRand": "whole channels, drawn",
    "PFPTop": "whole channels, kept or drawn",
}


def number(value: Any) -> float | None:
    """``value`` as a finite float, else None (a bool or a string is not a number)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def text(value: Any) -> str:
    """``value`` if it is a string, else the empty one."""
    return value if isinstance(value, str) else ""


def percent(fraction: Any, digits: int = 1) -> str:
    """0.8 -> "80 %": trailing zeros after the point are dropped."""
    value = number(fraction)
    if value is None:
        return MISSING
    text = f"{100 * value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return _sign(text) + SPACE + "%"


def accuracy(fraction: Any) -> str:
    """0.9123 -> "91.23": per cent with two decimals, for table columns that name the unit."""
    return decimal(fraction, 2, scale=100)


def points(fraction: Any, digits: int = 2) -> str:
    """-0.0123 -> "−1.23": percentage points, always signed."""
    value = number(fraction)
    if value is None:
        return MISSING
    text = f"{100 * value:+.{digits}f}"
    return _sign(text if float(text) else text.lstrip("+-"))


def decimal(value: Any, digits: int, scale: float = 1) -> str:
    """A plain number with ``digits`` decimals."""
    finite = number(value)
    return MISSING if finite is None else _sign(f"{scale * finite:.{digits}f}")


def significant(value: Any, digits: int = 2) -> str:
    """1.234e-06 -> "1.2e−06"."""
    finite = number(value)
    return MISSING if finite is None else f"{finite:.{digits}g}".replace("-", _MINUS)


def times(value: Any) -> str:
    """1.834 -> "1.83×"."""
    return MISSING if number(value) is None else decimal(value, 2) + "×"


def between(low: str, high: str) -> str:
    """An interval such as "1.7 to 1.9", or a dash when either end is missing."""
    return MISSING if MISSING in (low, high) else f"{low} to {high}"


def count(value: Any) -> str:
    """42000 -> "42 000"."""
    finite = number(value)
    return MISSING if finite is None else _sign(f"{finite:,.0f}").replace(",", SPACE)


def duration(microseconds: Any) -> str:
    """Microseconds below a millisecond, milliseconds above."""
    value = number(microseconds)
    if value is None:
        return MISSING
    if abs(value) < 1000:
        return f"{decimal(value, 0 if value >= 100 else 1)}{SPACE}µs"
    return f"{decimal(value, 2, scale=1e-3)}{SPACE}ms"


def size(amount: Any) -> str:
    """Bytes in binary units: 304 KiB, 61.2 MiB."""
    value = number(amount)
    if value is None:
        return MISSING
    for unit, scale, digits in (("GiB", 2**30, 1), ("MiB", 2**20, 1), ("KiB", 2**10, 0)):
        if abs(value) >= scale:
            return f"{decimal(value / scale, digits)}{SPACE}{unit}"
    return f"{decimal(value, 0)}{SPACE}B"


def distribution(name: str) -> str:
    """The paper's spelling, readable: gaussian_noise -> Gaussian noise."""
    spaced = name.replace("_", " ")
    return _NAMES.get(name, spaced[:1].upper() + spaced[1:])


def inline(name: str) -> str:
    """A distribution inside a sentence: gaussian_noise -> Gaussian noise, fog -> fog."""
    title = distribution(name)
    return (
        title if title[:2].isupper() or title.startswith("Gauss") else title[:1].lower() + title[1:]
    )


def method(name: str) -> str:
    """A method with what it removes."""
    return f"{name}, {_METHODS[name]}" if name in _METHODS else name


def brief(text: str, limit: int) -> str:
    """``text`` cut to ``limit`` characters, for places of fixed width such as figures."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def listing(items: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def plural(amount: int, noun: str) -> str:
    """3, "shift" -> "3 shifts"."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def _sign(text: str) -> str:
    return text.replace("-", _MINUS)
