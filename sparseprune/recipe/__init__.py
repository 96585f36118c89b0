"""The recipe: every setting of a run, typed, checked, and written back into the run folder."""

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from sparseprune.errors import InputError
from sparseprune.recipe.evaluation import Evaluate, NoiseSimilarity, Published
from sparseprune.recipe.mistakes import sentence
from sparseprune.recipe.pruning import Method, Prune, Ratio, Unit
from sparseprune.recipe.section import Section
from sparseprune.recipe.sweep import Sweep, Variant
from sparseprune.recipe.training import Distill, Retrain, Robust, Train

__all__ = [
    "Control",
    "Data",
    "Distill",
    "Evaluate",
    "Export",
    "Measure",
    "Method",
    "Model",
    "NoiseSimilarity",
    "Prune",
    "Published",
    "Ratio",
    "Recipe",
    "Report",
    "Retrain",
    "Robust",
    "Section",
    "Slim",
    "Sweep",
    "Train",
    "Unit",
    "Variant",
    "check",
    "load",
    "parse",
]

Control = Literal["extended", "small"]

S = TypeVar("S", bound=Section)


class Data(Section):
    """Which pictures. ``root`` points at files outside the package (the folder of the set).

    ``validation`` is the fraction of the training pictures that is held out of training (the
    study: 0.1), the same whatever the seed. ``size`` is the side of the pictures of ``imagenet``,
    ``voc``, ``voc_classes`` and ``folder``, in place of the set's own: the shorter side is resized
    and the centre cut out as they are read.
    """

    name: str = "fashion_mnist"
    root: Path | None = None
    train: int | None = Field(None, gt=0, description="use the first N training pictures")
    test: int | None = Field(None, gt=0, description="use the first N test pictures")
    validation: float = Field(0, ge=0, lt=1, description="fraction held out of training")
    size: int | None = Field(None, ge=8, le=4096, description="side of the pictures, in pixels")
    checksums: bool = Field(True, description="refuse files that are not the published ones")


class Model(Section):
    """Which architecture; ``options`` are keyword arguments of its builder.

    ``name`` is one of ours or the import path of your own code, ``package.module:callable``, which
    a run imports and calls with ``options``, of any JSON type.
    """

    name: str = "resnet8"
    options: dict[str, JsonValue] = Field({})


class Slim(Section):
    """Channel counts of slimmed networks are rounded up to a multiple of ``round_to``."""

    round_to: int = Field(8, gt=0)


class Export(Section):
    """Exported networks may be tuned for this CPU, at most ``tune_seconds`` each.

    A run exports side by side with other work, which would blur what tuning measures.
    """

    tune_seconds: float = Field(0, ge=0, le=3600)


class Measure(Section):
    """Latency: interleaved rounds against the dense parent, ``threads`` each."""

    threads: int = Field(1, gt=0)
    batch: int = Field(1, gt=0)
    rounds: int = Field(30, gt=1)


class Report(Section):
    """Which distributions must hold for the recommended ratio."""

    must_hold: Literal["all"] | list[str] = "all"

    @field_validator("must_hold")
    @classmethod
    def _some(cls, must_hold: Literal["all"] | list[str]) -> Literal["all"] | list[str]:
        if not must_hold:
            raise ValueError("expected 'all' or at least one distribution")
        return must_hold


class Recipe(Section):
    """Everything a run depends on. The same recipe and machine give the same masks.

    ``controls`` are dense networks to compare the pruned ones with: ``extended`` is the parent
    retrained as often as a pruned network is, and nothing removed (the study's FakeNet); ``small``
    is, for each ratio, the architecture with fewer channels, trained as long from scratch.
    ``sweep`` is for ``sparseprune sweep`` alone: with which seeds and networks to run all of it.
    """

    version: Literal[1] = 1
    name: str = Field("run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    seed: int = Field(0, ge=0, lt=2**31)
    data: Data = Data()
    model: Model = Model()
    train: Train = Train()
    retrain: Retrain = Retrain(epochs=2)
    prune: list[Prune] = Field(min_length=1)
    controls: list[Control] = Field([])
    slim: Slim = Slim()
    export: Export = Export()
    evaluate: Evaluate = Evaluate()
    measure: Measure = Measure()
    report: Report = Report()
    sweep: Sweep | None = None

    @field_validator("prune")
    @classmethod
    def _once_each(cls, prune: list[Prune]) -> list[Prune]:
        methods = [entry.method for entry in prune]
        if len(set(methods)) < len(methods):
            raise ValueError(f"each method may stand once, got {', '.join(methods)}")
        return prune

    @field_validator("controls")
    @classmethod
    def _each_control_once(cls, controls: list[Control]) -> list[Control]:
        if len(set(controls)) < len(controls):
            raise ValueError(f"each control may stand once, got {', '.join(controls)}")
        return controls

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        if self.train.distill is not None:
            raise ValueError(
                "train.distill: expected nothing, since the first network has no parent to learn "
                "from; move it to retrain"
            )
        if self.retrain.rewinds and self.retrain.rewind >= self.train.epochs:
            raise ValueError(
                f"retrain.rewind: expected less than the {self.train.epochs} epochs of the "
                f"training, got {self.retrain.rewind:g}"
            )
        return self

    def digest(self) -> str:
        """Eight hex digits that change whenever a setting does."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def to_yaml(self) -> str:
        """The resolved recipe, every default spelt out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


class _KeysOnce(yaml.SafeLoader):
    """Of a key that stands twice YAML's own loader takes the last, in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key!r} twice{node.start_mark}; keep one of them")
        return super().construct_mapping(node, deep)


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe file and lay ``overrides`` (dotted keys, e.g. ``train.epochs``) over it.

    Raises:
        InputError: the file cannot be read, or a key or value is not what a recipe has.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _KeysOnce)
    except (OSError, UnicodeDecodeError) as error:
        found = (isinstance(error, OSError) and error.strerror) or error
        raise InputError(
            f"{path}: expected a readable recipe, got {found}; check the path"
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path}: expected YAML, got {' '.join(str(error).split())}") from error
    return parse(document, str(path), overrides)


def parse(document: Any, source: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Check a mapping and make a recipe of it; ``source`` names it in errors.

    Raises:
        InputError: names the first wrong key, what was expected and what came.
    """
    if not isinstance(document, Mapping):
        raise InputError(f"{source}: expected a mapping of settings, got {document!r:.60}")
    settings = copy.deepcopy(dict(document))
    for key, value in (overrides or {}).items():
        _lay(settings, key, value)
    return check(Recipe, settings, source, {key: f"--{key}" for key in overrides or {}})


def check(
    section: type[S],
    values: Mapping[str, Any],
    source: str,
    options: Mapping[str, str] = MappingProxyType({}),
) -> S:
    """Make a section of plain values; ``source`` names them in errors.

    Errors name a key of ``options`` (dotted) as the option that the user typed for it.

    Raises:
        InputError: names the first wrong key, what was expected and what came.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise InputError(sentence(section, error, source, options)) from error


def _lay(document: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``document[a][b][c]`` for "a.b.c"; a number indexes a list."""
    place: Any = document
    *path, last = dotted.split(".")
    for part in path:
        if isinstance(place, list):
            place = place[_index(place, part, dotted)]
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, dict | list):
            raise InputError(f"--{dotted}: expected a section at {part!r}, got {place!r}")
    if isinstance(place, list):
        place[_index(place, last, dotted)] = value
    else:
        place[last] = value


def _index(place: list[Any], part: str, dotted: str) -> int:
    if not part.isdigit() or int(part) >= len(place):
        raise InputError(f"--{dotted}: expected an index 0 to {len(place) - 1}, got {part!r}")
    return int(part)
