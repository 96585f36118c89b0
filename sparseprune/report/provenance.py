"""Where the numbers come from: data, machine, versions, seed, recipe."""

import hashlib
import json
from typing import Any

from sparseprune.records import select
from sparseprune.report import words
from sparseprune.report.facts import Facts, section


def entries(facts: Facts) -> list[tuple[str, str]]:
    """Label and text, in reading order; what the rows do not say is left out."""
    run = facts.run
    found = [
        ("Data", _data(run.get("data"))),
        ("Shifts", _shifts(facts)),
        ("Notes", _notes(run.get("notes"))),
        ("Machine", _machine(run.get("machine"))),
        ("Versions", _flat(run.get("versions"))),
        ("Seed", _flat(run.get("seed"))),
        ("Recipe", _recipe(facts)),
        ("Timing noise", _noise(facts)),
        ("Computing time", _seconds(facts)),
    ]
    return [(label, text) for label, text in found if text]


def _data(value: Any) -> str:
    if not isinstance(value, dict):
        return _flat(value)
    classes = value.get("classes")
    digest = words.text(value.get("digest"))
    amount = len(classes) if isinstance(classes, list) else classes
    parts = [
        (words.text(value.get("name")) or "unnamed").replace("_", " "),
        f"{words.count(value.get('train'))} training pictures",
        f"{words.count(value.get('test'))} test pictures",
        f"{words.count(amount)} classes",
        f"SHA-256 {digest[:16]}…" if digest else "",
    ]
    return ", ".join(p for p in parts if p)


def _machine(value: Any) -> str:
    if not isinstance(value, dict):
        return _flat(value)
    cores, memory = words.number(value.get("cores")), words.number(value.get("memory_mib"))
    sets = _flat(value.get("instruction_sets"))
    parts = [
        _flat(value.get("cpu")),
        "" if cores is None else words.plural(int(cores), "core"),
        "" if memory is None else f"{words.size(memory * 2**20)} of memory",
        f"kernels for {sets}" if sets else "",
        _flat(value.get("system")),
        _flat(value.get("architecture")),
    ]
    return ", ".join(p for p in parts if p)


def _flat(value: Any) -> str:
    """Any JSON value as one readable line; keys in alphabetical order, missing values left out."""
    if isinstance(value, dict):
        pairs = [(k, _flat(value[k])) for k in sorted(value)]
        return ", ".join(f"{k} {text}" for k, text in pairs if text)
    if isinstance(value, list):
        return ", ".join(_flat(v) for v in value)
    if isinstance(value, float):
        return "" if words.number(value) is None else f"{value:g}"
    return "" if value is None else str(value)


def _recipe(facts: Facts) -> str:
    digest = words.text(facts.run.get("digest"))
    if not digest and facts.recipe:
        # The same eight digits as Recipe.digest.
        text = json.dumps(facts.recipe, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    if digest:
        return f"{words.text(facts.run.get('name')) or 'run'}, digest {digest}"
    return _flat(facts.run.get("recipe"))


def _shifts(facts: Facts) -> str:
    parts = []
    if facts.corruptions:
        rows = select(facts.rows, "evaluation")
        found = {
            words.number(r.get("severity"))
            for r in rows
            if r.get("distribution") in facts.corruptions
        }
        severity = words.listing(
            [words.count(s) for s in sorted(s for s in found if s is not None)]
        )
        text = words.plural(len(facts.corruptions), "corruption")
        parts.append(f"{text} at severity {severity}" if severity else text)
    if "frost" in facts.corruptions:
        parts.append(_frost(section(facts.recipe, "evaluate").get("frost_textures")))
    if len(facts.shifts) > len(facts.corruptions):
        width = words.number(section(facts.recipe, "evaluate").get("noise"))
        size = "" if width is None else f" of ±{width:g} in normalised units"
        parts.append(f"uniform noise{size}")
    return ", ".join(parts)


def _frost(textures: Any) -> str:
    if textures:
        return f"frost with the textures in {textures}"
    return "frost with procedural textures of our own (not the original pictures)"


def _notes(value: Any) -> str:
    """What the data room says of single shifts; of frost the line on shifts speaks."""
    notes = value if isinstance(value, dict) else {}
    return "; ".join(_flat(notes[name]) for name in notes if name != "frost")


def _noise(facts: Facts) -> str:
    values = [
        v for r in facts.latencies.values() if (v := words.number(r.get("noise"))) is not None
    ]
    if not values:
        return ""
    return f"±{words.percent(max(values))} when the dense parent is timed against itself"


def _seconds(facts: Facts) -> str:
    rows = select(facts.rows, "training")
    times = [s for r in rows if (s := words.number(r.get("seconds"))) is not None]
    return f"{words.count(sum(times))}{words.SPACE}s for training and retraining" if times else ""
