"""Why each layer runs as it does: rows for programs, a table of 80 columns for people."""

import textwrap
from collections.abc import Sequence
from typing import Any

from sparseprune.accelerator.contest import Decision
from sparseprune.accelerator.fits import closest

Row = dict[str, Any]
_WIDTH = 80
_HEAD = ("layer", "weight", "kept", "dense us", "bound us", "runs as", "us")
_NAME, _SHAPE, _CHOICE = 15, 14, 18


class Explanation:
    """What ``explain`` returns; printing it gives the table.

    Attributes:
        rows: one a layer, in the order of the network: ``layer``, ``shape`` (of the weight),
            ``input`` (shape), ``density`` (weights that are not zero / weights), ``fit`` (the
            blocks that leave most out, and ``fit_density``, what they keep), ``bound`` (what a
            dense layer waits for), ``bound_us`` and ``sparse_bound_us`` (the least time with all
            weights and with those kept), ``candidates`` (microseconds by name), ``refused``
            (reasons by name), ``choice`` and ``why``. Layers that were left as they are have
            ``layer``, ``choice`` and ``why`` only.
        total: microseconds of the network ``dense`` and as ``chosen``; empty where all layers are
            dense.
    """

    def __init__(self, rows: Sequence[Row], total: dict[str, float]) -> None:
        """Of rows as above."""
        self.rows, self.total = list(rows), total

    def __str__(self) -> str:
        """A line a layer, and below it the reason."""
        lines = [_line(_HEAD)]
        for row in self.rows:
            lines += _block(row)
        if self.total:
            dense, chosen = self.total["dense"], self.total["chosen"]
            lines.append(
                f"network: {chosen:.1f} us, all layers dense {dense:.1f} us ({dense / chosen:.2f}x)"
            )
        return "\n".join(lines)

    __repr__ = __str__


def row(decision: Decision) -> Row:
    """What was found out about a layer, without tensors."""
    layer, bound = decision.layer, decision.bound
    fit = closest(layer) if layer.groups == 1 else None
    return {
        "layer": layer.name,
        "shape": tuple(layer.weight.shape),
        "input": decision.x_shape,
        "density": layer.density,
        "fit": fit and fit.words,
        "fit_density": fit and fit.density,
        "bound": bound and bound.by,
        "bound_us": bound and 1e6 * bound.dense,
        "sparse_bound_us": bound and 1e6 * bound.sparse,
        "candidates": {name: 1e6 * seconds for name, seconds in decision.seconds.items()},
        "refused": dict(decision.refused),
        "choice": decision.choice,
        "why": decision.why,
    }


def left(name: str, reason: str) -> Row:
    """Of a layer that stays as it was."""
    return {"layer": name, "choice": "as it was", "why": reason}


def _block(found: Row) -> list[str]:
    if "shape" not in found:
        return [
            _line((found["layer"], "", "", "", "", found["choice"], "")),
            *_indented(found["why"]),
        ]
    times = found["candidates"]
    cells = (
        found["layer"],
        "x".join(map(str, found["shape"])),
        f"{found['density']:.0%}",
        f"{times['dense']:.1f}",
        f"{found['sparse_bound_us']:.1f}",
        found["choice"],
        f"{times[found['choice']]:.1f}",
    )
    lines = [_line(cells), *_indented(found["why"])]
    known = [f"blocks of {found['fit']} keep {found['fit_density']:.0%}"] if found["fit"] else []
    tried = [f"{name} {us:.1f}" for name, us in times.items() if name != "dense"]
    if tried:
        known.append(f"tried (us): {', '.join(tried)}")
    lines += _indented("; ".join(known))
    for name, reason in found["refused"].items():
        lines += _indented(f"no {name}: {reason}")
    return lines


def _line(cells: Sequence[str]) -> str:
    name, shape, kept, dense, bound, choice, us = cells
    return (
        f"{_cut(name, _NAME):{_NAME}} {_cut(shape, _SHAPE):{_SHAPE}} {kept:>4} {dense:>8} "
        f"{bound:>8} {_cut(choice, _CHOICE):{_CHOICE}} {us:>7}"
    ).rstrip()


def _cut(text: str, width: int) -> str:
    """The end of a name says most."""
    return text if len(text) <= width else "~" + text[1 - width :]


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="      ")
