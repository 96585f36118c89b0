"""ObjectNet's pictures of the classes that it shares with ImageNet.

Source: Barbu et al., "ObjectNet: A large-scale bias-controlled dataset" (NeurIPS 2019).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparseprune.data.dataset import Dataset
from sparseprune.data.decoding import Geometry
from sparseprune.data.imagenet import SIDE, files, labelled
from sparseprune.errors import InputError

# The largest of the four mapping files has 30 kB.
_MAX_BYTES = 4 << 20

# Red pixels around every picture: the study cuts off 3 (paper 4), ObjectNet's own page asks for 2.
BORDER = 3


def load(
    root: Path, classes: Sequence[str], limit: int | None = None, border: int = BORDER
) -> Dataset:
    """``root/images/<folder>/*.png`` of shared classes, labelled by ``root/mappings/*``.

    An ObjectNet class that stands for several of ImageNet's is labelled by the first (paper 4). A
    network is scored on all of its outputs, not only on those that occur here.

    Args:
        root: ``objectnet-1.0``, or the folder it was unpacked in.
        classes: ImageNet's, all thousand in sorted order.
        limit: keep the first so many of a class-balanced order.
        border: pixels of red frame to cut off each side.

    Raises:
        InputError: a mapping file is missing or damaged, or pictures are missing.
    """
    if (root / "objectnet-1.0").is_dir():
        root = root / "objectnet-1.0"
    labels = _labels(root / "mappings", len(classes))
    geometry = Geometry(crop=SIDE, resize=256, border=border)
    pairs = (
        (file, label)
        for folder, label in sorted(labels.items())
        if (root / "images" / folder).is_dir()
        for file in files(root / "images" / folder)
    )
    return labelled("objectnet", pairs, classes, limit, geometry, str(root / "images"))


def _labels(mappings: Path, outputs: int) -> dict[str, int]:
    """Class number of every folder that ImageNet knows.

    Folder -> ObjectNet's name -> ImageNet's names -> their line in the list of names -> output.
    """
    names = _mapping(mappings / "folder_to_objectnet_label.json")
    shared = _mapping(mappings / "objectnet_to_imagenet_1k.json")
    lines = _mapping(mappings / "pytorch_to_imagenet_2012_id.json")
    text = _text(mappings / "imagenet_to_label_2012_v2")
    try:
        output = {int(line): int(number) for number, line in lines.items()}
        number_of = {
            name.strip(): output[line]
            for line, name in enumerate(text.splitlines())
            if line in output
        }
        labels = {
            folder: number_of[str(shared[name]).split("; ")[0]]
            for folder, name in names.items()
            if name in shared
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{mappings}: expected mapping files that belong together, got {error!r}; "
            "unpack ObjectNet again"
        ) from error
    wrong = [folder for folder, number in labels.items() if not 0 <= number < outputs]
    if wrong:
        raise InputError(
            f"{mappings}: expected class numbers below {outputs}, the training set's classes, got "
            f"{labels[wrong[0]]} for {wrong[0]}; ObjectNet needs all classes of ImageNet"
        )
    escaping = [folder for folder in labels if Path(folder).name != folder]
    if escaping:
        raise InputError(f"{mappings}: expected names of folders, got {escaping[0]!r}")
    return labels


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON, got {error}; unpack ObjectNet again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a mapping of ObjectNet, got {error}") from error
