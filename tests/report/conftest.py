"""Rows of an invented run, shaped like a real one: test data only, measured on nothing."""

import math
import random

import pytest

from sparseprune import report

CORRUPTIONS = {  # name: what it costs the parent, what full pruning costs on top
    "gaussian_noise": (0.25, 0.22),
    "shot_noise": (0.20, 0.20),
    "impulse_noise": (0.33, 0.26),
    "defocus_blur": (0.10, 0.04),
    "glass_blur": (0.18, 0.09),
    "motion_blur": (0.12, 0.05),
    "zoom_blur": (0.09, 0.04),
    "snow": (0.22, 0.07),
    "frost": (0.26, 0.10),
    "fog": (0.30, 0.08),
    "brightness": (0.08, 0.03),
    "contrast": (0.36, 0.06),
    "elastic_transform": (0.09, 0.04),
    "pixelate": (0.06, 0.03),
    "jpeg_compression": (0.03, 0.02),
    "speckle_noise": (0.17, 0.17),
    "gaussian_blur": (0.11, 0.04),
    "spatter": (0.07, 0.05),
    "saturate": (0.05, 0.02),
}
SHIFTS = {"clean": (0.0, 0.03), **CORRUPTIONS, "noise": (0.04, 0.08)}
GRID = {"WT": [0.6, 0.8, 0.9, 0.95], "FT": [0.30, 0.50, 0.70]}
TOTAL = 2000
PARAMS = 77_754


def network(id, role, method, target, ratio, **fields):
    size = PARAMS if fields.get("form") != "slim" else round(PARAMS * (1 - ratio) * 1.06)
    return {
        "kind": "network",
        "id": id,
        "role": role,
        "method": method,
        "target_ratio": target,
        "ratio": ratio,
        "unit": "params",
        "params": size,
        "nonzero": round(PARAMS * (1 - ratio)),
        "flops_ratio": 0.93 * ratio,
        "form": "dense",
        "coupling": None,
        "round_to": None,
        "channels": None,
        "onnx": f"onnx/{id}.onnx",
        "onnx_bytes": 4 * size + 9000,
        "provider": "CPUExecutionProvider",
        "claimed": {"nodes": 0, "of": 16},
        "parity": {"max_abs": 1.9e-6, "bound": 4.1e-4, "images": 128},
        "seed": 0,
        **fields,
    }


def pruned(method, target):
    ratio = round(target + (0.0 if method == "WT" else 0.0043), 4)
    shape = {
        "form": "sparse",
        "provider": "SparsePruneExecutionProvider",
        "claimed": {"nodes": 11, "of": 16},
    }
    if method == "FT":
        kept = {
            "stem": [16, 8],
            "layer1.0.conv1": [16, 8],
            "layer2.0.conv1": [32, 24],
            "fc": [10, 10],
        }
        shape = {
            "form": "slim",
            "coupling": "group",
            "rule": "union of kept channels",
            "round_to": 8,
            "channels": kept,
        }
    return network(f"{method}-{target:.2f}", "pruned", method, target, ratio, **shape)


def networks():
    dense = [network("parent", "parent", "dense", None, 0.0)]
    dense.append(network("separate", "separate", "dense", None, 0.0, seed=1))
    return dense + [pruned(method, target) for method, grid in GRID.items() for target in grid]


def damage(row):
    """0 for the parent to about 1 at the end of the grid."""
    return row["ratio"] ** (9 if row["method"] == "WT" else 4.5)


def evaluations(row, dice):
    for distribution, (hard, weak) in SHIFTS.items():
        cost = hard + weak * damage(row) + dice.gauss(0, 0.0006)
        away = (
            0.075 + 0.3 * hard
            if row["role"] == "separate"
            else 0.02 + 0.14 * damage(row) + 0.4 * weak * damage(row)
        )
        away = 0.0 if row["role"] == "parent" else away
        for runner in ("accelerated", "twin"):
            yield {
                "kind": "evaluation",
                "id": row["id"],
                "runner": runner,
                "distribution": distribution,
                "severity": 3 if distribution in CORRUPTIONS else None,
                "correct": round(TOTAL * (0.893 - cost)),
                "total": TOTAL,
                "agreement": round(TOTAL * (1 - away)),
                "softmax_distance": 1.25 * away,
            }


def hidden_loss(row, spoiled):
    for distribution in SHIFTS:
        lost, gained = (61, 9) if spoiled else (0, 0)
        half = 1.96 * math.sqrt(lost + gained + 2) / TOTAL
        difference = (gained - lost) / TOTAL
        yield {
            "kind": "hidden_loss",
            "id": row["id"],
            "distribution": distribution,
            "total": TOTAL,
            "flipped": 104 if spoiled else 0,
            "unexplained": 97 if spoiled else 0,
            "lost": lost,
            "gained": gained,
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "max_abs": 1.7 if spoiled else 2.4e-6,
        }


def verdict(row, spoiled):
    total = TOTAL * len(SHIFTS)
    sentence = f"no further loss found: 0 of {total:,} predictions changed"
    if spoiled:
        sentence = (
            f"FURTHER LOSS: 2 184 of {total:,} predictions changed, 2 037 of them no near ties"
        )
    return {
        "kind": "verdict",
        "id": row["id"],
        "total": total,
        "flipped": 2184 if spoiled else 0,
        "unexplained": 2037 if spoiled else 0,
        "difference": -0.026 if spoiled else 0.0,
        "low": -0.0341 if spoiled else -0.0014,
        "high": -0.0179 if spoiled else 0.0014,
        "passed": not spoiled,
        "sentence": sentence.replace(",", " ", 1),
    }


def judgement(rows):
    """Prune potentials and recommendations that follow from the evaluations."""
    counts = {
        (r["id"], r["distribution"]): r["correct"]
        for r in rows
        if r["kind"] == "evaluation" and r["runner"] == "accelerated"
    }

    def holds(row, distribution):
        return counts["parent", distribution] - counts[row["id"], distribution] <= 0.005 * TOTAL

    for method in GRID:
        mine = [r for r in rows if r["kind"] == "network" and r["method"] == method]
        for distribution in SHIFTS:
            best = max((r["ratio"] for r in mine if holds(r, distribution)), default=0.0)
            censored = best == mine[-1]["ratio"]
            fields = {
                "method": method,
                "distribution": distribution,
                "potential": best,
                "censored": censored,
            }
            yield {"kind": "potential", "runner": "accelerated", **fields}
        held = [r for r in mine if all(holds(r, d) for d in SHIFTS)]
        ratio, id = (held[-1]["ratio"], held[-1]["id"]) if held else (None, None)
        fields = {"method": method, "distributions": list(SHIFTS), "ratio": ratio, "id": id}
        yield {"kind": "recommendation", "runner": "accelerated", **fields}
        yield from overall(
            method, {d: max((r["ratio"] for r in mine if holds(r, d)), default=0.0) for d in SHIFTS}
        )
        for r in mine:
            fields = {"id": r["id"], "method": method, "ratio": r["ratio"], "runner": "accelerated"}
            yield {"kind": "excess_error", "value": 0.05 * damage(r), **fields}
        fields = {"method": method, "runner": "accelerated", "networks": len(mine)}
        yield {"kind": "excess_slope", "value": 0.021, **fields}


def overall(method, potentials):
    for name, members in (("train", ["clean"]), ("test", list(CORRUPTIONS))):
        least = min(members, key=potentials.get)
        yield {
            "kind": "overall_potential",
            "method": method,
            "runner": "accelerated",
            "set": name,
            "distributions": members,
            "mean": sum(map(potentials.get, members)) / len(members),
            "least": potentials[least],
            "where_least": least,
        }


def latency(row, dice):
    speed = {"WT": 0.55 + 1.6 * row["ratio"] ** 4, "FT": 1 / (1 - 0.85 * row["ratio"])}.get(
        row["method"], 1.0
    )
    median = 118.0 / speed * dice.uniform(0.98, 1.02)
    return {
        "kind": "latency",
        "id": row["id"],
        "baseline": "parent",
        "provider": row["provider"],
        "threads": 1,
        "batch": 1,
        "median_us": median,
        "p10_us": 0.96 * median,
        "p90_us": 1.13 * median,
        "speedup": speed,
        "speedup_low": 0.96 * speed,
        "speedup_high": 1.05 * speed,
        "noise": 0.021,
        "file_bytes": row["onnx_bytes"],
        "load_ms": 4.2,
        "memory_bytes": 2_400_000 + 8 * row["params"],
    }


def run():
    return {
        "kind": "run",
        "name": "quickstart",
        "digest": "3f9c0a1b",
        "notes": {
            "frost": "said with the shifts",
            "saturate": "saturate leaves grey pictures unchanged at severities 1 to 3",
        },
        "recipe": {
            "name": "quickstart",
            "evaluate": {
                "delta": 0.005,
                "severity": 3,
                "corruptions": list(CORRUPTIONS),
                "noise": 0.2,
                "frost_textures": None,
            },
        },
        "seed": 0,
        "machine": {
            "cpu": "An Invented CPU @ 2.00GHz",
            "cores": 2,
            "memory_mib": 7936,
            "instruction_sets": ["baseline", "avx2", "avx512"],
            "system": "Linux 6.1",
            "architecture": "x86_64",
        },
        "versions": {"python": "3.11.2", "onnxruntime": "1.32.0", "triton": None},
        "data": {
            "name": "fashion_mnist",
            "digest": "ab12" * 16,
            "train": 10_000,
            "test": TOTAL,
            "classes": [f"class {i}" for i in range(10)],
        },
    }


def invented_run(spoiled=None):
    """All rows of a run; ``spoiled`` names a network whose accelerated answers are wrong."""
    dice = random.Random(0)
    rows = [run(), *networks()]
    found = [r for r in rows if r["kind"] == "network"]
    for row in found:
        rows += evaluations(row, dice)
        if row["role"] != "separate":
            rows += hidden_loss(row, row["id"] == spoiled)
            rows.append(verdict(row, row["id"] == spoiled))
    rows += judgement(rows)
    rows += [latency(row, dice) for row in found]
    rows += [
        {"kind": "training", "id": s, "losses": [0.5], "seconds": t}
        for s, t in (("parent", 21.4), ("WT-60", 63.0))
    ]
    return rows


@pytest.fixture
def rows():
    return invented_run()


@pytest.fixture(scope="session")
def html():
    """The page of a whole run, rendered once."""
    return report.render(invented_run())


@pytest.fixture
def make_run():
    return invented_run
