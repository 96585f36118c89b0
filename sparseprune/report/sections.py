"""The sections of the page, in order; each says plainly if its rows are missing."""

from dataclasses import dataclass, field
from fractions import Fraction

from sparseprune.report import answer, leads, recommendation, words
from sparseprune.report.facts import CLEAN, Facts
from sparseprune.report.figures import accuracy, frontier, noise, potential, similarity, speed
from sparseprune.report.figures.svg import Picture
from sparseprune.report.hidden_loss import verdicts
from sparseprune.report.noise import lead as noise_lead
from sparseprune.report.readings import reading
from sparseprune.report.tables import Fold, Table, excess_error
from sparseprune.report.tables import accuracy as accuracy_table
from sparseprune.report.tables import controls as controls_table
from sparseprune.report.tables import hidden_loss as hidden_loss_table
from sparseprune.report.tables import latency as latency_table
from sparseprune.report.tables import networks as networks_table
from sparseprune.report.tables import potential as potential_table
from sparseprune.report.tables import recommendation as recommendation_table
from sparseprune.report.tables import similarity as similarity_table


@dataclass(frozen=True)
class Section:
    """One section. ``missing`` replaces everything but the title.

    Attributes:
        lead: what the figures show for this run.
        reading: how to read them.
        columns: panels side by side on a wide screen.
        tables_abreast: whether tables stand side by side where there is room.
    """

    id: str
    title: str
    lead: str = ""
    reading: str = ""
    pictures: list[Picture] = field(default_factory=list)
    columns: int = 2
    tables: list[Table] = field(default_factory=list)
    tables_abreast: bool = False
    folds: list[Fold] = field(default_factory=list)
    missing: str = ""


def sections(facts: Facts) -> list[Section]:
    """All, in the order of the page; that on noise only if the run asked for it."""
    return [
        _accuracy(facts),
        _potential(facts),
        _speed(facts),
        _frontier(facts),
        _hidden_loss(facts),
        _similarity(facts),
        *_noise(facts),
        _recommendation(facts),
        _networks(facts),
    ]


def _missing(id: str, title: str, what: str, verb: str = "") -> Section:
    """A section without rows; ``verb`` makes the same kind of row for single files."""
    text = (
        f"Not in this run yet: {what}. “sparseprune run” with this run’s recipe makes them and "
        "skips what is finished."
    )
    single = f" “sparseprune {verb}” asks the same of single files."
    return Section(id, title, missing=text + single * bool(verb))


def _accuracy(facts: Facts) -> Section:
    id, title = "accuracy", "Accuracy against prune ratio"
    pictures = accuracy.pictures(facts)
    if not pictures:
        return _missing(id, title, "accuracies of the pruned networks", "evaluate")
    controls = controls_table.table(facts)
    tables = accuracy_table.tables(facts) + ([controls] if controls else [])
    return Section(
        id,
        title,
        leads.accuracy(facts),
        reading(id, margin=answer.margin(facts)) + _meaning(facts),
        pictures,
        tables=tables,
        # Name, parent and four ratios fit half the page.
        tables_abreast=all(len(t.columns) <= 6 for t in tables),
        folds=[f for f in [excess_error.fold(facts)] if f],
    )


# What the words of the page mean where networks are not judged by the share of pictures they get
# right.
_MEANINGS = {
    "accuracy": "",
    "mean_iou": " These networks segment: accuracy on this page is the mean over classes of "
    "intersection over union, of all pixels of the set together. Predictions and labels are "
    "counted in pixels; the interval of a hidden loss takes pictures, not pixels, as independent.",
    "mean_average_precision": " These networks name all classes a picture shows: accuracy on this "
    "page is the mean over classes of average precision, the area under the curve of precision "
    "and recall, as Pascal VOC counts it since 2010. Predictions and labels are counted by picture "
    "and class; the interval of a hidden loss takes pictures as independent.",
}


def _meaning(facts: Facts) -> str:
    return _MEANINGS[facts.judged_by]


def _potential(facts: Facts) -> Section:
    id, title = "potential", "Prune potential"
    pictures = potential.pictures(facts)
    if not pictures:
        return _missing(id, title, "prune potentials")
    summary = potential_table.table(facts)
    return Section(
        id,
        title,
        leads.potential(facts),
        reading(id, margin=answer.margin(facts)),
        pictures,
        tables=[summary] if summary else [],
    )


def _speed(facts: Facts) -> Section:
    id, title = "speed", "Speed-up and memory"
    pictures, table = speed.pictures(facts), latency_table.table(facts)
    if not table:
        return _missing(id, title, "latencies", "bench")
    return Section(
        id,
        title,
        leads.speed(facts),
        reading(id, setting=latency_table.setting(facts)),
        pictures,
        tables=[table],
    )


def _frontier(facts: Facts) -> Section:
    id, title = "frontier", "Robustness–latency frontier"
    pictures = frontier.pictures(facts)
    if not pictures:
        what, verb = (
            ("latencies", "bench") if not facts.latencies else ("shifted accuracies", "evaluate")
        )
        return _missing(id, title, what, verb)
    return Section(
        id,
        title,
        leads.frontier_of(facts),
        reading(id),
        pictures,
    )


def _hidden_loss(facts: Facts) -> Section:
    id, title = "hidden-loss", "Hidden loss"
    found = verdicts(facts)
    table = hidden_loss_table.table(found)
    if not table:
        return _missing(
            id, title, "comparisons of accelerated networks with their twins", "evaluate"
        )
    return Section(
        id,
        title,
        leads.hidden_loss(found),
        reading(id),
        tables=[table],
        folds=hidden_loss_table.folds(found),
    )


def _similarity(facts: Facts) -> Section:
    id, title = "similarity", "Similarity to the parent"
    pictures, table = similarity.pictures(facts), similarity_table.table(facts)
    if not table:
        return _missing(id, title, "comparisons with the parent’s predictions", "evaluate")
    return Section(
        id,
        title,
        leads.similarity(facts),
        reading(id),
        pictures,
        columns=3,
        folds=[Fold("The same in numbers", [table])],
    )


def _noise(facts: Facts) -> list[Section]:
    id, pictures = "noise", noise.pictures(facts)
    lead = noise_lead(facts)
    return [Section(id, "Answers under noise", lead, reading(id), pictures)] if pictures else []


def _recommendation(facts: Facts) -> Section:
    id, title = "recommendation", "Recommended ratio"
    table = recommendation_table.table(facts)
    if not table:
        return _missing(id, title, "recommendations")
    listed = recommendation.recommendations(facts)[0].listed
    return Section(
        id,
        title,
        leads.recommendation(facts),
        reading(id, margin=answer.margin(facts), listed=str(len(listed)), grain=_grain(facts)),
        tables=[table],
        folds=recommendation_table.folds(facts),
    )


def _grain(facts: Facts) -> str:
    """How coarse the margin is, in pictures: what the reader should know before trusting it."""
    row = facts.evaluation(facts.parent, CLEAN) or {}
    total = words.number(row.get("total"))
    if not total or facts.judged_by != "accuracy":
        return ""
    pictures = words.plural(int(Fraction(repr(facts.delta)) * int(total)), "picture")
    return (
        f"With {words.count(total)} test pictures the margin is {pictures}, so a distribution near "
        "it may fall on either side by chance; more test pictures or seeds make the choice firmer."
    )


def _networks(facts: Facts) -> Section:
    id, title = "networks", "Networks"
    tables = networks_table.tables(facts)
    if not tables:
        return _missing(id, title, "networks")
    return Section(
        id,
        title,
        leads.networks(facts),
        reading(id),
        tables=tables,
        folds=networks_table.channels(facts),
    )
