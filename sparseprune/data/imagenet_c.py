"""ImageNet-C: corrupted validation pictures, cropped to 224 x 224 before they were stored."""

from collections.abc import Sequence
from pathlib import Path

from sparseprune.data.dataset import Dataset
from sparseprune.data.decoding import Geometry
from sparseprune.data.imagenet import SIDE, split
from sparseprune.errors import InputError

# Published pictures were resized and cropped already: another resize is a well-known mistake that
# blurs them. The study made it (paper 4), so its figures are not reproduced exactly.
GEOMETRY = Geometry(crop=SIDE)

# Folders of the published archives, where they are unpacked side by side.
_GROUPS = ("noise", "blur", "weather", "digital", "extra")


def load(
    root: Path, corruption: str, severity: int, classes: Sequence[str], limit: int | None = None
) -> Dataset:
    """``root/[group/]<corruption>/<severity>/<synset>/*.JPEG``.

    Raises:
        InputError: the folder is missing, or holds a synset that is not among ``classes``.
    """
    return split(_folder(root, corruption, severity), classes, limit, GEOMETRY)


def _folder(root: Path, corruption: str, severity: int) -> Path:
    places = [root / corruption, *(root / group / corruption for group in _GROUPS)]
    for place in places:
        if (place / str(severity)).is_dir():
            return place / str(severity)
    raise InputError(
        f"{root}: expected the folder {corruption}/{severity} of ImageNet-C, found none; "
        "unpack the archive that holds it"
    )
