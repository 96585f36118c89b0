"""What each fuzzer tries: a case from a seed."""

import hostile_graphs
import mutations
import numpy as np
import onnx
from case import Case
from wider_networks import Maps, Rows

from sparseprune import rewrite


def network(seed: int) -> Case:
    """A random network, to be opened in a random way."""
    rng = np.random.default_rng(seed)
    model, feeds = (Rows if rng.random() < 0.3 else Maps)(seed).build()
    settings = {
        "min_sparsity": float(rng.choice([0, 0.5])),
        "threads": int(rng.choice([1, 2])),
        # ONNX Runtime moves roundings to int8 over transposes, and so changes other values.
        "optimize": bool(rng.random() < 0.7) and b"QuantizeLinear" not in model,
        "explain": bool(rng.random() < 0.2),
    }
    return Case(model, feeds, settings)


def compact(model: bytes) -> bytes:
    """With small encodings of its weights."""
    return rewrite.compact(onnx.load_from_string(model)).SerializeToString()


def differential(seed: int) -> Case:
    """Answers within computed bounds."""
    case = network(seed)
    case.settings["bounds"] = True
    if np.random.default_rng([seed, 3]).random() < 0.3:
        case.plain, case.model = case.model, compact(case.model)
    return case


def structure(seed: int) -> Case:
    """A valid network in which a few things are not what they should be."""
    rng = np.random.default_rng([seed, 1])
    case = network(seed)
    if rng.random() < 0.3:
        case.model = compact(case.model)
    return hostile_graphs.spoil(case, rng)


def bytes_(seed: int) -> Case:
    """A file, or a tuning that goes with it, some of whose bytes are changed."""
    rng = np.random.default_rng([seed, 2])
    case = network(int(rng.integers(200)))
    if rng.random() < 0.3:
        case.settings["tuning"] = mutations.text(rng, mutations.tuning()).decode(
            "utf-8", "surrogateescape"
        )
        case.settings["tune_seconds"] = float(rng.choice([0, 0, 0.01]))
    else:
        case.model = mutations.file(rng, case.model)
    return case


KINDS = {"differential": differential, "structure": structure, "bytes": bytes_}
