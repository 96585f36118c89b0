"""Does the accelerated network answer as its masked dense twin does? Paired counts, one interval.

Both networks see the same pictures, so only pictures on which exactly one of them is right carry
information (McNemar): ``gained`` pictures the accelerated network alone gets right, ``lost`` ones
only the twin does.
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from sparseprune.errors import InputError
from sparseprune.evaluate.metrics import Labels, Logits

# Two float32 evaluations of one network agree to at least half of float32's digits, measured
# against the largest logit. Between our provider and ONNX Runtime's it was at most 4e-7 of it, 900
# times less (five random networks, 90 % zeros); a change that stays below can only swap classes
# the network itself could not tell apart.
ROUNDING = math.sqrt(np.finfo(np.float32).eps)


def compare(
    accelerated: Logits, twin: Logits, labels: Labels, *, rounding: float = ROUNDING
) -> dict[str, Any]:
    """Fields of a ``hidden_loss`` row from two sets of logits [N, classes] for the same pictures.

    ``difference`` is accelerated minus twin accuracy, ``low`` and ``high`` its 95 % interval
    (:func:`interval`). ``unexplained`` counts the flipped labels that rounding cannot explain: a
    logit error of at most t flips a label only where the twin preferred its own answer to the new
    one by at most 2 t, with t = ``rounding`` times the largest logit of these pictures.

    Raises:
        InputError: shapes differ, or a logit is NaN or infinite.
    """
    _check(accelerated, twin, labels)
    picture = np.arange(len(labels))
    new, old = accelerated.argmax(axis=1), twin.argmax(axis=1)
    wide = twin.astype(np.float64)
    margin = wide[picture, old] - wide[picture, new]
    tolerance = rounding * float(np.abs(wide).max())
    gained = int(((new == labels) & (old != labels)).sum())
    lost = int(((new != labels) & (old == labels)).sum())
    low, high = interval(gained, lost, len(labels))
    return {
        "total": len(labels),
        "flipped": int((new != old).sum()),
        "unexplained": int(((new != old) & (margin > 2 * tolerance)).sum()),
        "gained": gained,
        "lost": lost,
        "difference": (gained - lost) / len(labels),
        "low": low,
        "high": high,
        "max_abs": float(np.abs(accelerated - wide).max()),
    }


def interval(gained: int, lost: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Interval for the difference of two accuracies on the same ``total`` pictures.

    The Laplace-adjusted Wald interval for paired proportions: with p = (gained + 1) / (total + 2)
    and q = (lost + 1) / (total + 2),

        p - q  ±  z * sqrt((p + q - (p - q)^2) / (total + 2)),

    cut to [-1, 1]. The two invented pictures, one gained and one lost, keep its width positive
    where nothing flipped. Source: D. G. Bonett and R. M. Price, "Adjusted Wald confidence
    interval for a difference of binomial proportions based on paired data", Journal of
    Educational and Behavioral Statistics 37(4), 2012.

    Raises:
        InputError: counts that no ``total`` pictures can have, or a level outside (0, 1).
    """
    if min(gained, lost) < 0 or total < 1 or gained + lost > total or not 0 < level < 1:
        raise InputError(
            "expected gained + lost <= total and 0 < level < 1, got "
            f"gained={gained}, lost={lost}, total={total}, level={level}"
        )
    p, q = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = z * math.sqrt((p + q - (p - q) ** 2) / (total + 2))
    return max(p - q - half, -1.0), min(p - q + half, 1.0)


def _check(accelerated: Logits, twin: Logits, labels: Labels) -> None:
    if accelerated.ndim != 2 or accelerated.shape != twin.shape or not labels.size:
        raise InputError(
            f"expected two sets of logits [N, classes] of one shape, got "
            f"{list(accelerated.shape)} and {list(twin.shape)}; compare a network with its own twin"
        )
    if labels.shape != accelerated.shape[:1]:
        raise InputError(
            f"expected {len(accelerated)} labels, got shape {list(labels.shape)}; "
            "give one label per picture"
        )
    for name, logits in (("accelerated", accelerated), ("twin", twin)):
        if not np.isfinite(logits).all():
            raise InputError(f"expected finite logits, the {name} network gave NaN or infinity")
