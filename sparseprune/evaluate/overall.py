"""Average and least prune potential over sets of distributions (paper section 1.6).

The study's measure of how much of a network can be spared for good.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from statistics import fmean

from sparseprune.evaluate.sets import split
from sparseprune.records import Row, select


def rows(potentials: Sequence[Row], trained_on: Collection[str] = ()) -> list[Row]:
    """``overall_potential`` rows: per method, runner and set of distributions.

    ``mean`` and ``least`` are over the distributions of the set. Both are of one network and its
    seed: averages over seeds are taken of these, since the least of averages is not the average of
    the least.

    Args:
        potentials: rows, of which those of kind ``potential`` are read.
        trained_on: corruptions that robust training showed.
    """
    known: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in select(potentials, "potential"):
        known[row["method"], row["runner"]][row["distribution"]] = row["potential"]
    found = []
    for (method, runner), values in known.items():
        sets = split(values, trained_on)
        for name, members in (("train", sets.train), ("test", sets.test)):
            if not members:
                continue
            least = min(members, key=values.__getitem__)
            found.append(
                {
                    "kind": "overall_potential",
                    "method": method,
                    "runner": runner,
                    "set": name,
                    "distributions": list(members),
                    "mean": fmean(values[member] for member in members),
                    "least": values[least],
                    "where_least": least,
                }
            )
    return found
