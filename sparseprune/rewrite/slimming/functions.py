"""What elementwise operators make of a channel that holds one number."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sparseprune.rewrite.slimming.atoms import Numbers

Settings = dict[str, Any]


def _get(settings: Settings, name: str, default: float) -> float:
    """Settings are float32, and so are the defaults of those left out."""
    return float(np.float32(settings.get(name, default)))


def _clip(x: Numbers, s: Settings) -> Numbers:
    """Operator sets below 11 have the bounds as attributes; later ones are a rule of their own."""
    return np.clip(x, _get(s, "min", -np.inf), _get(s, "max", np.inf))


def _gelu(x: Numbers, s: Settings) -> Numbers:
    if s.get("approximate", b"none") == b"tanh":
        share: Numbers = 1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        share = 1 + _erf(x / math.sqrt(2))
    return x / 2 * share


def _hard_sigmoid(x: Numbers, s: Settings) -> Numbers:
    line: Numbers = _get(s, "alpha", 0.2) * x + _get(s, "beta", 0.5)
    return np.clip(line, 0, 1)


def _sigmoid(x: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-x))


_erf = np.vectorize(math.erf, otypes=[np.float64])

# The zeros of these, and whatever else a channel may always be, are known; NaN stays NaN.
UNARY: dict[str, Callable[[Numbers, Settings], Numbers]] = {
    "Abs": lambda x, s: np.abs(x),
    "Celu": lambda x, s: np.where(
        x > 0, x, _get(s, "alpha", 1.0) * np.expm1(x / _get(s, "alpha", 1.0))
    ),
    "Clip": _clip,
    "Elu": lambda x, s: np.where(x > 0, x, _get(s, "alpha", 1.0) * np.expm1(x)),
    "Erf": lambda x, s: _erf(x),
    "Exp": lambda x, s: np.exp(x),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x, s: x * np.clip(x / 6 + 0.5, 0, 1),
    "Identity": lambda x, s: x,
    "LeakyRelu": lambda x, s: np.where(x > 0, x, _get(s, "alpha", 0.01) * x),
    "Mish": lambda x, s: x * np.tanh(np.log1p(np.exp(x))),
    "Neg": lambda x, s: -x,
    "Relu": lambda x, s: np.maximum(x, 0),
    "Sigmoid": lambda x, s: _sigmoid(x),
    "Softplus": lambda x, s: np.log1p(np.exp(x)),
    "Softsign": lambda x, s: x / (1 + np.abs(x)),
    "Sqrt": lambda x, s: np.sqrt(x),
    "Swish": lambda x, s: x * _sigmoid(_get(s, "alpha", 1.0) * x),
    "Tanh": lambda x, s: np.tanh(x),
}

BINARY: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Sum": np.add,
    # A zero factor decides, whatever the other one is.
    "Mul": lambda a, b: np.where((a == 0) | (b == 0), 0.0, a * b),
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "PRelu": lambda a, b: np.where(a < 0, a * b, a),
}


def known(values: Numbers) -> Numbers:
    """``values``, with NaN for those that are no finite number."""
    return np.where(np.isfinite(values), values, np.nan)
