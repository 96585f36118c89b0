"""Which published shift sets a recipe names, as pictures and labels of the test split's classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparseprune import recipe
from sparseprune.data import corruptions, imagenet_c, objectnet
from sparseprune.data.cifar import CIFAR10_CLASSES
from sparseprune.data.cifar_shifts import cifar10_1, cifar10_c
from sparseprune.data.dataset import Dataset, Labels, prefix
from sparseprune.data.imagenet import SIDE
from sparseprune.data.masks import Masks
from sparseprune.data.pictures import Images, Pictures, in_memory
from sparseprune.errors import InputError


@dataclass(frozen=True)
class Published:
    """One set: its name in results, severity (0: none), pictures and labels."""

    name: str
    severity: int
    images: Pictures
    labels: Labels | Masks

    @property
    def held(self) -> bool:
        """Whether the pictures fit in memory several times over."""
        return in_memory(self.images)


def sets(test: Dataset, settings: recipe.Evaluate) -> Iterator[Published]:
    """The sets whose folders ``settings.published`` names, in the order of its keys.

    Raises:
        InputError: the test split has other classes or picture sizes, or files are missing.
    """
    wanted, limit = settings.published, settings.published.limit
    names = corruptions.NAMES if settings.corruptions == "all" else tuple(settings.corruptions)
    if wanted.cifar10_1 is not None:
        _need_cifar(test, "cifar10_1")
        version = wanted.cifar10_1_version
        pair = cifar10_1(wanted.cifar10_1, version, checksums=wanted.checksums)
        yield _cut(f"cifar10.1-{version}", 0, pair, limit, wanted.cifar10_1)
    if wanted.cifar10_c is not None:
        _need_cifar(test, "cifar10_c")
        for name in names:
            pair = cifar10_c(wanted.cifar10_c, name, settings.severity)
            yield _cut(f"cifar10c-{name}", settings.severity, pair, limit, wanted.cifar10_c)
    if wanted.imagenet_c is not None:
        _need_imagenet(test, "imagenet_c")
        for name in names:
            found = imagenet_c.load(wanted.imagenet_c, name, settings.severity, test.classes, limit)
            label = f"imagenetc-{name}"
            yield Published(label, settings.severity, found.images, found.labels)
    if wanted.objectnet is not None:
        _need_imagenet(test, "objectnet")
        found = objectnet.load(wanted.objectnet, test.classes, limit, wanted.objectnet_border)
        yield Published("objectnet", 0, found.images, found.labels)


def _cut(
    name: str, severity: int, pair: tuple[Images, Labels], limit: int | None, root: Path
) -> Published:
    """The first ``limit`` of a class-balanced order, read from the mapped file."""
    images, labels = pair
    chosen = prefix(labels, limit, str(root))
    return Published(name, severity, images if limit is None else images[chosen], labels[chosen])


def _need_cifar(test: Dataset, key: str) -> None:
    if test.classes != CIFAR10_CLASSES or test.images.shape[1:] != (32, 32, 3):
        raise InputError(
            f"evaluate.published.{key}: expected test pictures of CIFAR-10's classes, 32 x 32 in "
            f"colour, got {test.name} with {len(test.classes)} classes of "
            f"{list(test.images.shape[1:])}; leave the key out"
        )


def _need_imagenet(test: Dataset, key: str) -> None:
    if test.name != "imagenet" or test.images.shape[1:] != (SIDE, SIDE, 3):
        raise InputError(
            f"evaluate.published.{key}: expected test pictures of ImageNet, got {test.name}; "
            "leave the key out"
        )
