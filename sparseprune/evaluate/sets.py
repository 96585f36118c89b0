"""Which distributions a network was trained for, and which it meets unprepared (paper 1.6)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

# Uniform noise has a study of its own (paper 1.8) and belongs to neither set.
NOISE = "noise"
CLEAN = "clean"


@dataclass(frozen=True)
class Sets:
    """Names of distributions: ``train`` like the training pictures, ``test`` shifted from them."""

    train: tuple[str, ...]
    test: tuple[str, ...]


def split(distributions: Iterable[str], trained_on: Collection[str] = ()) -> Sets:
    """The train and the test set of distributions, in the order given.

    Clean pictures are of the train set, and so are the corruptions that robust training showed
    (the study's nine of Mix1), whether we made them ("fog") or a published set has them
    ("cifar10c-fog"). All other shifts are of the test set: the other corruptions, and new pictures
    such as CIFAR-10.1 and ObjectNet.
    """
    known = [name for name in dict.fromkeys(distributions) if name != NOISE]
    train = [n for n in known if n == CLEAN or n.rpartition("-")[2] in trained_on]
    return Sets(tuple(train), tuple(n for n in known if n not in train))
