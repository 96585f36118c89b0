"""The stages of a run as tasks: what each reads, what it writes, what must come before."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from sparseprune import environment, evaluate, measure, models, records, report
from sparseprune import prune as prune_room
from sparseprune.data import normalise
from sparseprune.data.shifts import shifts
from sparseprune.errors import InputError
from sparseprune.evaluate import Pair, potential
from sparseprune.formats import checkpoint as checkpoints
from sparseprune.formats import mask
from sparseprune.formats.checkpoint import Checkpoint
from sparseprune.formats.mask import Masks
from sparseprune.pipeline import checks, controls, noise, shipping, steps
from sparseprune.pipeline.deployed import deployed
from sparseprune.pipeline.fitting import forget
from sparseprune.pipeline.folder import RunFolder
from sparseprune.pipeline.networks import PARENT, Network, networks
from sparseprune.pipeline.retraining import Around
from sparseprune.pipeline.schedule import Progress, Task, counted
from sparseprune.recipe import Recipe
from sparseprune.records import Row
from sparseprune.runtime import OnnxRunner
from sparseprune.runtime import load as load_runner
from sparseprune.train import corruptions_of


def tasks(folder: RunFolder, recipe: Recipe) -> list[Task]:
    """The task graph of a run, checked.

    Raises:
        InputError: as ``distributions`` does.
    """
    return graph(folder, recipe, distributions(recipe))


def graph(folder: RunFolder, recipe: Recipe, shown: Sequence[str]) -> list[Task]:
    """The task graph of a run whose shifts have these names."""
    every = networks(recipe)
    exported = tuple(f"export {network.id}" for network in every)
    noisy = noise.tasks(folder, recipe, exported)
    evaluated = (*(f"evaluate {name}" for name in shown), *(task.name for task in noisy))
    return [
        Task("describe", partial(describe, folder, recipe), (folder.records("run"),)),
        *(task for network in every for task in _network_tasks(folder, recipe, network)),
        *(
            Task(
                f"evaluate {name}",
                partial(evaluate_shift, folder, recipe, index),
                (folder.records(f"evaluation-{index:02}-{name}"),),
                exported,
            )
            for index, name in enumerate(shown)
        ),
        *noisy,
        Task("judge", partial(judge, folder, recipe), (folder.records("judgement"),), evaluated),
        # Alone at the end of the graph, so that nothing else of ours runs beside a timing.
        Task(
            "measure", partial(time_all, folder, recipe), (folder.records("latency"),), ("judge",)
        ),
        Task(
            "report",
            partial(write_report, folder),
            (folder.report,),
            ("describe", "judge", "measure"),
        ),
    ]


def distributions(recipe: Recipe) -> list[str]:
    """Names of the shifts; finds fault with data, model and shifts before any training.

    Raises:
        InputError: one of them cannot be made, or ``report.must_hold`` names one that is not shown.
    """
    learn, test = steps.pictures(recipe.data)
    models.allow(recipe.model.name)
    model, spec = steps.network(recipe, learn)
    checks.trainings(recipe, steps.splits(recipe.data))
    prune_room.check(model, torch.zeros(1, *spec["input_shape"]), recipe.prune)
    if "small" in recipe.controls:
        models.width(recipe.model.name, recipe.model.options)
    if recipe.measure.batch > len(test.labels):
        raise InputError(
            f"measure.batch: expected at most the {len(test.labels)} test pictures, "
            f"got {recipe.measure.batch}"
        )
    shown = [shift.name for shift in shifts(test, recipe.evaluate, seed=recipe.seed)]
    noise.check(recipe, test)
    wanted = recipe.report.must_hold
    unknown = [] if wanted == "all" else [name for name in wanted if name not in shown]
    if unknown:
        raise InputError(
            f"report.must_hold: expected shifts that are evaluated ({', '.join(shown)}), "
            f"got {', '.join(unknown)}"
        )
    return shown


def _network_tasks(folder: RunFolder, recipe: Recipe, network: Network) -> Iterator[Task]:
    made = partial(make, folder, recipe, network)
    after = tuple(it.task for it in networks(recipe) if it.id == network.source)
    yield Task(network.task, made, _made(folder, recipe, network), after)
    shipped = (folder.onnx(network.id), folder.records(f"network-{network.id}"))
    ship = partial(deploy, folder, recipe, network)
    yield Task(f"export {network.id}", ship, shipped, (network.task,))


def _made(folder: RunFolder, recipe: Recipe, network: Network) -> tuple[Path, ...]:
    """Files of a network that is trained."""
    made = [folder.checkpoint(network.id), folder.records(f"training-{network.id}")]
    if network.pruning:
        made.append(folder.masks(network.id))
    if network.id == PARENT and recipe.retrain.mode == "rewind_weights":
        made.append(folder.early(PARENT))
    return tuple(made)


def describe(folder: RunFolder, recipe: Recipe, progress: Progress) -> None:
    """Write what the run is made of: recipe, data, machine, versions."""
    train_set, test_set = steps.pictures(recipe.data)
    shown = shifts(test_set, recipe.evaluate, seed=recipe.seed)
    row = {
        "kind": "run",
        "name": recipe.name,
        "digest": recipe.digest(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": recipe.seed,
        "machine": environment.machine(),
        "versions": environment.versions(),
        "notes": {shift.name: shift.note for shift in shown if shift.note},
        "data": {
            "name": test_set.name,
            "digest": test_set.digest,
            "train_digest": train_set.digest,
            "train": len(train_set.labels),
            "test": len(test_set.labels),
            "classes": list(test_set.classes),
        },
    }
    records.write(folder.records("run"), [row])


def make(folder: RunFolder, recipe: Recipe, network: Network, progress: Progress) -> None:
    """Train, or prune and retrain, one network; the checkpoint is written last."""
    models.allow(recipe.model.name)
    start = time.perf_counter()
    made, masks = _trained(folder, recipe, network, progress)
    if masks is not None:
        mask.save(folder.masks(network.id), masks)
    _write_training(folder, network, made.meta["losses"], start)
    checkpoints.save(folder.checkpoint(network.id), made)
    forget(folder.state(network.id))


def _trained(
    folder: RunFolder, recipe: Recipe, network: Network, progress: Progress
) -> tuple[Checkpoint, Masks | None]:
    state = folder.state(network.id)
    if network.source is None:
        early = folder.early(PARENT) if network.id == PARENT else None
        around = Around(early=early, state=state)
        return steps.train_network(recipe, network.seed, progress, around), None
    source = checkpoints.load(folder.checkpoint(network.source))
    if network.control == "small":
        asked = (network.target, network.unit, network.cycles)
        made = controls.small_network(source, recipe, *asked, progress, Around(state=state))
        return made, None
    parent = checkpoints.load(folder.checkpoint(PARENT)) if recipe.retrain.distill else None
    around = Around(parent, folder.early(PARENT), state)
    if network.pruning is None:
        return controls.extend_network(source, recipe, progress, around), None
    return steps.prune_network(source, recipe, network.pruning, network.target, progress, around)


def deploy(folder: RunFolder, recipe: Recipe, network: Network, progress: Progress) -> None:
    """Make a network fast, export it, and record what it is and how it will run."""
    models.allow(recipe.model.name)
    source = checkpoints.load(folder.checkpoint(network.id))
    if network.slims:
        source = shipping.slim_network(source, recipe.slim.round_to)
        checkpoints.save(folder.slim(network.id), source)
    path = folder.onnx(network.id)
    parity = shipping.export_network(source, path, network.provider, recipe.export.tune_seconds)
    parity.pop("bytes")  # of the file alone, which the row has
    runner = deployed(folder, network)
    row: Row = {
        "kind": "network",
        "id": network.id,
        "role": network.role,
        **steps.describe(source),
        "onnx": str(path.relative_to(folder.root)),
        "onnx_bytes": path.stat().st_size,
        "provider": runner.provider,
        "loaded": runner.loaded,
        "claimed": _claimed(runner),
        "parity": parity,
        "seed": network.seed,
    }
    records.write(folder.records(f"network-{network.id}"), [row])


def evaluate_shift(folder: RunFolder, recipe: Recipe, index: int, progress: Progress) -> None:
    """Show one shift to every network: as deployed, and as its masked dense twin."""
    models.allow(recipe.model.name)
    _, test = steps.pictures(recipe.data)
    shift = shifts(test, recipe.evaluate, seed=recipe.seed)[index]
    pairs = {
        network.id: Pair(
            deployed(folder, network),
            load_runner(folder.checkpoint(network.id)) if network.has_twin else None,
        )
        for network in networks(recipe)
    }
    rows = evaluate.run(
        [shift],
        test.labels,
        pairs,
        parent=PARENT,
        progress=counted(progress),
    )
    kept = [row for row in rows if row["kind"] != "verdict"]
    records.write(folder.records(f"evaluation-{index:02}-{shift.name}"), kept)


def judge(folder: RunFolder, recipe: Recipe, progress: Progress) -> None:
    """Derive prune potentials, recommendations and verdicts from all evaluations."""
    rows = records.read_run(folder.root)
    settings = recipe.evaluate
    ids = dict.fromkeys(row["id"] for row in records.select(rows, "hidden_loss"))
    trained_on = {
        *corruptions_of(recipe.train),
        *corruptions_of(recipe.retrain),
    }
    potentials = potential.potentials(rows, settings.delta)
    excess = evaluate.excess_error.rows(rows, trained_on)
    found = [
        *potentials,
        *evaluate.overall.rows(potentials, trained_on),
        *potential.recommend(rows, settings.delta, recipe.report.must_hold),
        *(evaluate.noise.potentials(rows, settings.delta) if settings.noise_similarity else []),
        *excess,
        *evaluate.excess_error.slopes(excess),
        *(evaluate.verdict(records.select(rows, "hidden_loss", id=id)) for id in ids),
    ]
    records.write(folder.records("judgement"), found)


def time_all(folder: RunFolder, recipe: Recipe, progress: Progress) -> None:
    """Time every deployed network against the dense parent, interleaved."""
    _, test = steps.pictures(recipe.data)
    count = recipe.measure.batch
    rows = measure.latency(
        {
            network.id: deployed(folder, network, recipe.measure.threads)
            for network in networks(recipe)
        },
        PARENT,
        normalise(test.images[:count], test),
        recipe.measure,
        progress=counted(progress),
    )
    records.write(folder.records("latency"), rows)


def write_report(folder: RunFolder, progress: Progress) -> None:
    """Build the page from the records."""
    report.build(folder.root)


def _claimed(runner: OnnxRunner) -> Row | None:
    """Nodes our provider runs; null where ONNX Runtime is too old to tell."""
    return runner.claimed and dict(zip(("nodes", "of"), runner.claimed, strict=True))


def _write_training(folder: RunFolder, network: Network, losses: list[float], start: float) -> None:
    row = {
        "kind": "training",
        "id": network.id,
        "losses": losses,
        "seconds": round(time.perf_counter() - start, 3),
    }
    records.write(folder.records(f"training-{network.id}"), [row])
