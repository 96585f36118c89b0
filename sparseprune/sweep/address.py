"""What a stage computes, as an address: the same address, the same files.

An address is the SHA-256 of the stage's kind, the settings it depends on, and the addresses of the
stages whose files it reads, whose settings are therefore part of it too. Where pictures lie is no
part of it, what they are is.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sparseprune import __version__
from sparseprune.pipeline.networks import Network
from sparseprune.recipe import Recipe
from sparseprune.recipe.section import Section

# No two names of one thing: where data lies and whether it was checked do not change it.
_NOT_CONTENT = {"root", "checksums"}


def address(
    task: str, recipe: Recipe, network: Network | None, data: Sequence[str], reads: Sequence[str]
) -> str:
    """The address of a stage of ``recipe``.

    Args:
        task: its name in the run's graph: the kind, and of what.
        recipe: of the run.
        network: the network the stage makes or deploys; None for the others.
        data: digests of the pictures.
        reads: addresses of the stages that come before it.
    """
    kind, _, subject = task.partition(" ")
    document = {
        "version": __version__,
        "kind": kind,
        "settings": _settings(kind, subject, recipe, network),
        "data": [*data, recipe.data.model_dump(mode="json", exclude=_NOT_CONTENT)],
        "reads": list(reads),
    }
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _settings(
    kind: str, subject: str, recipe: Recipe, network: Network | None
) -> Mapping[str, Any]:
    """What of the recipe the stage depends on; all of it where that is not known."""
    if kind == "train" and network is not None and network.source is None:
        # Neither id nor role: the network of another seed that one run is compared with
        # is the parent of the run with that seed.
        early = recipe.retrain.rewind if recipe.retrain.mode == "rewind_weights" else None
        return {**_sections(recipe, "model", "train"), "seed": network.seed, "early": early}
    if kind in ("train", "prune") and network is not None:
        own = {**asdict(network), "pruning": _pruning(network)}
        return {**_sections(recipe, "model", "train", "retrain"), "network": own}
    if kind == "export" and network is not None:
        return {**_sections(recipe, "slim", "export"), "id": network.id, "role": network.role}
    if kind in ("evaluate", "noise"):
        return {**_sections(recipe, "evaluate"), "seed": recipe.seed, "shift": subject}
    if kind == "measure":
        return _sections(recipe, "measure")
    return recipe.model_dump(mode="json")


def _pruning(network: Network) -> Mapping[str, Any] | None:
    """Without the grid: a ratio is the same network whichever come after it."""
    pruning = network.pruning
    return pruning.model_dump(mode="json", exclude={"ratios"}) if pruning else None


def _sections(recipe: Recipe, *names: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        section: Section = getattr(recipe, name)
        found[name] = section.model_dump(mode="json")
    return found
