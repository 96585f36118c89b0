"""Pictures that are corrupted anew every epoch (paper section 4, robust training)."""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from sparseprune.data import Dataset, Masks, corruptions, normalise
from sparseprune.data.pictures import Images, in_memory
from sparseprune.errors import InputError
from sparseprune.recipe import Train
from sparseprune.train import files
from sparseprune.train.pictures import Pictures, Targets

# Severity 0 is the clean picture, so one picture in six is clean.
_SEVERITIES = 6


def pictures(dataset: Dataset, settings: Train, seed: int) -> Pictures:
    """The pictures of ``dataset`` that ``settings`` train on.

    Raises:
        InputError: see ``check``.
    """
    check(dataset, settings)
    black = tuple(-mean / std for mean, std in zip(dataset.mean, dataset.std, strict=True))
    held = in_memory(dataset.images)
    if settings.robust is None and not held:
        return files.Decoded(dataset, settings, seed, black)
    if settings.robust is None:
        return Pictures(torch.from_numpy(normalise(dataset.images, dataset)), black)
    names = corruptions_of(settings)
    if not held:
        return CorruptedFiles(dataset, names, settings, seed, black)
    return Corrupted(dataset, names, black, seed)


def check(dataset: Dataset, settings: Train) -> None:
    """Raise what ``pictures`` would; for before a long training.

    Raises:
        InputError: an unknown or repeated corruption, pictures too small to corrupt, or random cuts
            of pictures that are not cut as they are read.
    """
    files.check(dataset, settings)
    if corruptions_of(settings):
        corruptions.check_images(dataset.images)


def targets(dataset: Dataset, settings: Train, seed: int) -> Targets:
    """What to answer to the pictures that ``pictures`` gives with the same arguments."""
    if isinstance(dataset.labels, Masks):
        return files.DecodedMasks(dataset.labels, settings, seed)
    return Targets(torch.from_numpy(dataset.labels))


def draw(seed: int, epoch: int, count: int, kinds: int) -> tuple[NDArray[np.int64], ...]:
    """Which of ``kinds`` corruptions and which severity 0..5 each of ``count`` pictures gets.

    Both are uniform and depend on (seed, epoch, picture) only: picture i of a smaller set gets
    what picture i of a larger one does.
    """
    sequence = np.random.SeedSequence([seed, epoch])
    pairs = np.random.default_rng(sequence).random((count, 2))
    scaled = (pairs * (kinds, _SEVERITIES)).astype(np.int64)
    return scaled[:, 0], scaled[:, 1]


class Corrupted(Pictures):
    """Pictures of a data set, each under a corruption and a severity drawn for the epoch.

    What a corruption draws itself depends on (seed, corruption, severity, picture), as in files
    that are made once. A whole epoch is corrupted at its first batch: pictures of one corruption
    and severity then go through its function together, which is several times as fast as one by
    one (``corruptions.corrupt`` works on whole batches).
    """

    def __init__(
        self, dataset: Dataset, names: tuple[str, ...], black: tuple[float, ...], seed: int
    ) -> None:
        super().__init__(torch.from_numpy(dataset.images).permute(0, 3, 1, 2), black)
        self._dataset, self._names, self._seed = dataset, names, seed
        self._epoch, self._now = -1, dataset.images

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The pictures ``chosen`` as ``epoch`` shows them, normalised, float32 [n, C, H, W]."""
        if epoch != self._epoch:
            self._now, self._epoch = self._corrupt(epoch), epoch
        return torch.from_numpy(normalise(self._now[chosen.numpy()], self._dataset))

    def _corrupt(self, epoch: int) -> Images:
        clean = self._dataset.images
        drawn = draw(self._seed, epoch, len(clean), len(self._names))
        return corrupt_each(clean[:], np.arange(len(clean)), self._names, drawn, self._seed)


class CorruptedFiles(files.Decoded):
    """The same of pictures that are decoded for each batch: a batch at a time, after its cut."""

    def __init__(
        self,
        dataset: Dataset,
        names: tuple[str, ...],
        settings: Train,
        seed: int,
        black: tuple[float, ...],
    ) -> None:
        super().__init__(dataset, settings, seed, black)
        self._names = names

    def batch(self, epoch: int, chosen: torch.Tensor) -> torch.Tensor:
        """The pictures ``chosen`` as ``epoch`` shows them, normalised, float32 [n, C, H, W]."""
        places = chosen.numpy()
        kinds, severities = draw(self._seed, epoch, len(self), len(self._names))
        drawn = kinds[places], severities[places]
        clean = self.decoded(epoch, chosen)
        found = corrupt_each(clean, places, self._names, drawn, self._seed)
        return torch.from_numpy(normalise(found, self._dataset))


def corrupt_each(
    clean: Images,
    numbers: NDArray[np.int64],
    names: tuple[str, ...],
    drawn: tuple[NDArray[np.int64], ...],
    seed: int,
) -> Images:
    """Pictures under the corruptions and severities ``drawn`` for them; ``numbers`` in their set.

    Pictures of one corruption and severity go through its function together.
    """
    kinds, severities = drawn
    result: Images = np.array(clean)
    table = corruptions.table_for(*clean.shape[1:3])
    for kind, severity in itertools.product(range(len(names)), range(1, _SEVERITIES)):
        (places,) = np.nonzero((kinds == kind) & (severities == severity))
        if len(places):
            result[places] = corruptions.corrupt(
                clean[places],
                names[kind],
                severity,
                seed=seed,
                table=table,
                indices=numbers[places].tolist(),
            )
    return result


def corruptions_of(settings: Train) -> tuple[str, ...]:
    """Names of the corruptions that ``settings`` train on, none without ``robust``.

    Raises:
        InputError: an unknown or repeated name.
    """
    if settings.robust is None:
        return ()
    names = settings.robust.corruptions
    if names == "mix1":
        return corruptions.MIX1
    for name in names:
        corruptions.check(name)
        if names.count(name) > 1:
            raise InputError(
                f"robust.corruptions: expected each name once, got {name!r} "
                f"{names.count(name)} times; remove the repetition"
            )
    return tuple(names)
